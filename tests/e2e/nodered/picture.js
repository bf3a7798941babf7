// The editor with the flow, drawn by a browser without a screen: run.sh --picture FILE.png
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const WebSocket = require('ws');
const { Scene, EDITOR } = require('./scene.js');

const MARGIN = 20;

// The little of the browser's own protocol that is needed here.
class Browser {
    static async start(s) {
        s.start('chromium', 'chromium', ['--headless=new', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0',
            '--user-data-dir=' + s.file('chromium'), '--window-size=1800,1500', '--hide-scrollbars', EDITOR]);
        const file = s.file('chromium/DevToolsActivePort');
        await s.until('chromium', () => fs.existsSync(file) && fs.readFileSync(file, 'utf8').includes('\n'));
        const port = fs.readFileSync(file, 'utf8').split('\n')[0];
        const page = await s.until('the page', async () =>
            (await (await fetch(`http://127.0.0.1:${port}/json`)).json()).find(p => p.url.startsWith(EDITOR)));
        const browser = new Browser();
        browser.calls = [];
        browser.socket = new WebSocket(page.webSocketDebuggerUrl);
        await new Promise(resolve => browser.socket.on('open', resolve));
        browser.socket.on('message', data => {
            const { id, result, error } = JSON.parse(data);
            if (id === undefined) return;
            if (error) browser.calls[id].reject(new Error(error.message));
            else browser.calls[id].resolve(result);
        });
        return browser;
    }

    call(method, params = {}) {
        return new Promise((resolve, reject) => {
            const id = this.calls.push({ resolve, reject }) - 1;
            this.socket.send(JSON.stringify({ id, method, params }));
        });
    }

    async run(expression) {
        const { result, exceptionDetails } = await this.call('Runtime.evaluate', { expression, returnByValue: true });
        if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
        return result.value;
    }
}

async function main() {
    const s = new Scene();
    const file = path.resolve(process.argv[2] ?? 'nodered.png');
    await s.startBroker();
    await s.startNodeRed();
    const browser = await Browser.start(s);
    const connected = s.flows.filter(n => n.type.startsWith('mqtt ')).length;
    await s.until('the editor', () => browser.run(
        `document.querySelectorAll('.red-ui-flow-node-status-group').length >= ${connected} &&
        [...document.querySelectorAll('.red-ui-flow-node-status-label')].some(e => e.textContent === 'connected')`));
    // Of the editor only what matters here. It slides, so the rest of the time is its own.
    await browser.run(`RED.menu.setSelected('menu-item-sidebar', false);
        RED.menu.setSelected('menu-item-palette', false)`);
    await new Promise(resolve => setTimeout(resolve, 1000));
    const box = await browser.run(`(() => {
        const boxes = [...document.querySelectorAll('.red-ui-flow-group, .red-ui-flow-node-group')]
            .map(e => e.getBoundingClientRect()).filter(b => b.width > 0);
        return { right: Math.max(...boxes.map(b => b.right)), bottom: Math.max(...boxes.map(b => b.bottom)),
            left: document.querySelector('#red-ui-workspace-chart').getBoundingClientRect().left };
    })()`);
    const { data } = await browser.call('Page.captureScreenshot', { format: 'png',
        clip: { x: box.left, y: 0, width: box.right + MARGIN - box.left, height: box.bottom + MARGIN, scale: 1 } });
    fs.writeFileSync(file, Buffer.from(data, 'base64'));
    browser.socket.terminate();
    await s.end();
    console.log(file);
    process.exit(0);
}

main().catch(error => {
    console.error(error);
    process.exit(1);
});
