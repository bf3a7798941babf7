// Everything around the flow: the processes, what passes between them, and ways to wait for it.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const mqtt = require('mqtt');
const WebSocket = require('ws');

const PATIENCE = 30000; // ms
const TOP = path.resolve(__dirname, '../../..');
const FLOWS = path.join(TOP, 'etc/nodered/akuvox-flows.json');
const EDITOR = 'http://127.0.0.1:1880';
const NTFY_PORT = 2586;

class Scene {
    constructor() {
        this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'akuvox2mqtt-nodered-'));
        this.children = {};
        this.messages = []; // of the broker: topic, payload, properties, retain
        this.notifications = []; // what "ntfy" was given: method, fields, type, body
        this.debug = []; // what the debug nodes show: name, text
        this.flows = JSON.parse(fs.readFileSync(FLOWS));
    }

    file(name, text) {
        const file = path.join(this.dir, name);
        if (text !== undefined) fs.writeFileSync(file, text, { mode: 0o600 });
        return file;
    }

    log(name) {
        const file = this.file(name + '.log');
        return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
    }

    // A process that ends with us; what it says goes to a file.
    start(name, program, args, env = {}) {
        const log = fs.openSync(this.file(name + '.log'), 'a');
        const child = spawn('setpriv', ['--pdeathsig', 'TERM', program, ...args],
            { cwd: this.dir, stdio: ['ignore', log, log], env: { ...process.env, ...env } });
        fs.closeSync(log);
        this.children[name] = child;
        child.ended = new Promise(resolve => child.on('exit', resolve));
    }

    async stop(name, signal = 'SIGTERM') {
        this.children[name].kill(signal);
        await this.children[name].ended;
    }

    async startBroker() {
        const conf = this.file('mosquitto.conf', 'user root\nallow_anonymous true\nlistener 1883 127.0.0.1\n');
        this.start('mosquitto', fs.existsSync('/usr/sbin/mosquitto') ? '/usr/sbin/mosquitto' : 'mosquitto', ['-c', conf]);
        await this.until('the broker', () => this.log('mosquitto').includes(' running'));
        this.client = await mqtt.connectAsync('mqtt://127.0.0.1:1883', { protocolVersion: 5 });
        this.client.on('message', (topic, payload, packet) =>
            this.messages.push({ topic, payload, properties: packet.properties, retain: packet.retain }));
        await this.client.subscribeAsync('#', { qos: 1, rap: true });
    }

    async startCloud() {
        this.start('cloud', path.join(TOP, 'build/tests/sim/akuvox-cloud-sim'), ['--homes', '2', '--quiet']);
        await this.until('the simulated cloud', () => /^control /m.test(this.log('cloud')));
        this.cloud = this.log('cloud').match(/^cloud (.*)$/m)[1];
        this.controlAddress = this.log('cloud').match(/^control (.*)$/m)[1];
        this.home = (await this.control('GET', '/state')).homes[0];
        this.door = this.home.devices[0].relays[0];
    }

    // The flow's own names are aliases in the configuration.
    async startGateway() {
        const token = this.file('token', 'sim-token');
        const conf = this.file('akuvox2mqtt.conf', `
[cloud]
url = ${this.cloud}
access_token_file = ${token}
[poll]
devices = 1
history = 0.3
[mqtt]
host = 127.0.0.1
[door]
hold_time = 0.3
[residence ${this.home.residence_id}]
alias = villa
[residence ${(await this.control('GET', '/state')).homes[1].residence_id}]
alias = other
[door ${this.door.relay_id}]
alias = front
`);
        fs.mkdirSync(this.file('state'), { recursive: true });
        this.messages.length = 0;
        this.start('gateway', path.join(TOP, 'build/akuvox2mqtt'), ['run', '-c', conf],
            { STATE_DIRECTORY: this.file('state') });
        await this.until('the gateway', () => this.last('home/villa/door/front/state') === 'LOCKED');
    }

    async startNodeRed() {
        const ready = this.log('nodered').length;
        fs.mkdirSync(this.file('user'), { recursive: true });
        fs.copyFileSync(FLOWS, this.file('user/flows.json'));
        this.start('nodered', process.execPath,
            [process.env.NODE_RED, '-s', path.join(__dirname, 'settings.js'), '-u', this.file('user')]);
        await this.until('Node-RED', () => this.log('nodered').slice(ready).includes('Connected to broker'));
        this.comms = new WebSocket(EDITOR.replace('http', 'ws') + '/comms');
        this.comms.on('message', data => {
            for (const { topic, data: shown } of [JSON.parse(data)].flat()) {
                if (topic === 'debug') this.debug.push({ name: shown.name, text: String(shown.msg) });
            }
        });
        await new Promise((resolve, reject) => this.comms.on('open', resolve).on('error', reject));
        this.comms.send(JSON.stringify({ subscribe: 'debug' }));
    }

    startNtfy() {
        this.ntfy = http.createServer((request, response) => {
            const body = [];
            request.on('data', data => body.push(data)).on('end', () => {
                const url = new URL(request.url, 'http://localhost');
                this.notifications.push({ method: request.method, path: url.pathname,
                    fields: Object.fromEntries(url.searchParams), type: request.headers['content-type'],
                    body: Buffer.concat(body) });
                response.end('{}');
            });
        });
        return new Promise(resolve => this.ntfy.listen(NTFY_PORT, 'localhost', resolve));
    }

    async end() {
        this.comms?.terminate();
        this.ntfy?.close();
        await this.client?.endAsync(true);
        await Promise.all(Object.keys(this.children).map(name => this.stop(name)));
        fs.rmSync(this.dir, { recursive: true });
    }

    async until(what, done) {
        const end = Date.now() + PATIENCE;
        for (;;) {
            const result = await done();
            if (result) return result;
            if (Date.now() > end) throw new Error('waited in vain for ' + what);
            await new Promise(resolve => setTimeout(resolve, 30));
        }
    }

    // The simulator's control side.
    async control(method, where, body) {
        const response = await fetch(this.controlAddress + where, { method, body: body && JSON.stringify(body) });
        const answer = await response.json();
        if (!response.ok) throw new Error(`control ${where}: ${answer.error}`);
        return answer;
    }

    async openings() {
        return (await this.control('GET', '/openings')).length;
    }

    // Presses the button of an inject node, as the editor does.
    async press(name) {
        const node = this.flows.find(n => n.type === 'inject' && n.name === name);
        const response = await fetch(`${EDITOR}/inject/${node.id}`, { method: 'POST' });
        if (!response.ok) throw new Error(`inject ${name}: HTTP ${response.status}`);
    }

    // The newest payload on a topic.
    last(topic) {
        return this.messages.findLast(m => m.topic === topic)?.payload.toString();
    }

    seen(pattern) {
        return this.messages.filter(m => pattern.test(m.topic));
    }

    shown(name) {
        return this.debug.filter(d => d.name === name);
    }
}

module.exports = { Scene, FLOWS, EDITOR };
