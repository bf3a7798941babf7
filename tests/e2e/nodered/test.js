// What etc/nodered/akuvox-flows.json does. Each test goes on from where the one before ended.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { Scene, FLOWS, EDITOR } = require('./scene.js');

const s = new Scene();
const uuid = /^[0-9a-f]{8,}$/;
const core = new Set(['tab', 'group', 'mqtt-broker', 'comment', 'inject', 'debug', 'catch', 'link in', 'link out', 'function',
    'switch', 'trigger', 'csv', 'file', 'mqtt in', 'mqtt out', 'http request']);

// A ring by hand, as the gateway would tell it.
function ringByHand(more, options = {}) {
    const { home = 'villa', ...fields } = more;
    const event = { event_type: 'ring', time: new Date().toISOString(), epoch: Math.floor(Date.now() / 1000),
        call_name: 'By hand', call_sip: '1', mac: s.home.devices[0].mac, ...fields };
    return s.client.publishAsync(`home/${home}/event/call`, JSON.stringify(event), { qos: 1, ...options });
}

function doorByHand(fields, options = {}) {
    return s.client.publishAsync('home/villa/event/door',
        JSON.stringify({ event_type: 'opened', time: '2026-01-01T12:00:00Z', epoch: 1, ...fields }), { qos: 1, ...options });
}

function logLines() {
    const file = s.file('door-log.csv');
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').filter(line => line) : [];
}

// What Node-RED's log has of errors and warnings, but for those about its own set-up.
function complaints() {
    return s.log('nodered').split('\n')
        .filter(line => /\[(error|warn)\]/.test(line) && !/Projects disabled|credentials not found/.test(line));
}

const ring = (name, mac) => s.control('POST', '/ring', { call_name: name, mac });
const notified = title => s.notifications.filter(n => n.fields.title === title);

const tests = {
    async 'the file is one that can be imported'() {
        const ids = new Set(s.flows.map(n => n.id));
        assert.equal(ids.size, s.flows.length);
        for (const node of s.flows) {
            assert(core.has(node.type), node.type);
            assert(node.name || node.label, `${node.type} ${node.id} has no name`);
            assert(!('credentials' in node));
            for (const id of [node.z, node.g, node.broker?.length === 16 ? node.broker : undefined, ...(node.links ?? []),
                ...(node.nodes ?? []), ...(node.wires ?? []).flat()]) {
                assert(!id || ids.has(id), `${node.name} names ${id}`);
            }
        }
        assert.equal(s.flows.filter(n => n.type === 'mqtt-broker').length, 1);
        assert.equal(s.flows.filter(n => n.type === 'tab').length, 1);
        const installed = await (await fetch(`${EDITOR}/nodes`, { headers: { accept: 'application/json' } })).json();
        assert(installed.every(set => set.module === 'node-red'), 'Node-RED has nodes that are not its own');
        assert.deepEqual(complaints(), []);
    },

    async 'a ring is one notification, with the newest picture of that door phone'() {
        const [front, apartment] = s.home.devices;
        // A captured picture belongs to a row of the door history.
        await s.control('POST', '/opening', { mac: apartment.mac, account_name: 'Robin' });
        const other = await s.until('a picture', () => s.messages.findLast(m =>
            m.topic === `home/villa/device/${apartment.mac}/picture`));
        await s.control('POST', '/opening', { mac: front.mac, account_name: 'Alex' });
        const picture = await s.until('a picture', () => s.messages.findLast(m =>
            m.topic === `home/villa/device/${front.mac}/picture`));
        await ring('Front Door', front.mac);
        await s.until('a notification', () => s.notifications.length > 0);
        await ring('Zoë & Türöffner', apartment.mac);
        await s.until('two notifications', () => s.notifications.length > 1);
        const [first, second] = s.notifications;
        assert.equal(s.notifications.length, 2);
        assert.equal(first.method, 'PUT');
        assert.equal(first.path, '/door');
        assert.equal(first.type, 'image/jpeg');
        assert.equal(first.fields.title, 'Somebody rings');
        assert.equal(first.fields.filename, 'door.jpg');
        assert.match(first.fields.message, /^Front Door, .*\d/);
        assert.deepEqual(first.body.subarray(0, 2), Buffer.from([0xff, 0xd8]));
        assert(first.body.equals(picture.payload), 'another picture');
        assert.match(second.fields.message, /^Zoë & Türöffner, /);
        assert(second.body.equals(other.payload), 'another picture');
        assert(!other.payload.equals(picture.payload));
        await s.until('both in the editor', () => s.shown('Ring').length === 2);
        assert.equal(s.seen(/^home\/villa\/event\/call$/).length, 2);
    },

    async 'no ring that is retained, repeated, late, of another home or something else'() {
        const before = s.notifications.length;
        await ringByHand({ event_id: 'retained' }, { retain: true });
        await s.client.publishAsync('home/villa/event/call', '', { qos: 1, retain: true });
        await ringByHand({ event_id: 'late', epoch: Math.floor(Date.now() / 1000) - 300 });
        await ringByHand({ event_id: 'other', home: 'other' });
        await ringByHand({ event_id: 'call', event_type: 'call' });
        for (const text of ['1', 'null', '"ring"', '[]', '{}']) {
            await s.client.publishAsync('home/villa/event/call', text, { qos: 1 });
        }
        await ringByHand({ event_id: 'twice' });
        await ringByHand({ event_id: 'twice' });
        await ringByHand({ event_id: 'fence' });
        await s.until('the fence', () => s.notifications.length >= before + 2);
        assert.equal(s.notifications.length, before + 2);
    },

    async 'a press opens one door, and its answer says so'() {
        const before = await s.openings();
        await s.press('Open the door');
        await s.until('the answer', () => s.shown('Door opened').length === 1);
        const openings = await s.control('GET', '/openings');
        assert.equal(openings.length, before + 1);
        assert.equal(openings.at(-1).relay_id, s.door.relay_id);
        assert.match(s.shown('Door opened')[0].text, /^Opened, after \d+ ms$/);
        const [asked] = s.seen(/^home\/villa\/door\/front\/open$/);
        assert.equal(asked.payload.toString(), 'OPEN');
        assert.equal(asked.retain, false);
        assert.equal(asked.properties.responseTopic, 'reply/nodered/door');
        assert.equal(asked.properties.messageExpiryInterval, 5);
        assert.match(asked.properties.correlationData.toString(), uuid);
        const [answer] = s.seen(/^reply\/nodered\/door$/);
        assert.deepEqual(answer.properties.correlationData, asked.properties.correlationData);
        assert.equal(JSON.parse(answer.payload).success, true);
        assert.equal(s.shown('Door not opened').length, 0);
    },

    async 'a refused opening goes the other way'() {
        const before = await s.openings();
        await s.control('POST', '/fault', { on: 'trigger_akuvox_remote_open_door', kind: 'refuse' });
        await s.press('Open the door');
        await s.until('the refusal', () => notified('The door was not opened').length === 1);
        await s.until('the refusal in the editor', () => s.shown('Door not opened').length === 1);
        assert.match(s.shown('Door not opened')[0].text, /\(cloud_error\)$/);
        assert.match(notified('The door was not opened')[0].fields.message, /\(cloud_error\)$/);
        assert.equal(await s.openings(), before);
        assert.equal(s.shown('Door opened').length, 1);
    },

    async 'answers to others, old ones and retained ones are not ours'() {
        const answer = JSON.stringify({ success: true, elapsed_ms: 4711, result: {} });
        const used = s.seen(/^reply\/nodered\/door$/)[0].properties.correlationData;
        for (const properties of [{ correlationData: Buffer.from('other') }, {}, { correlationData: used }]) {
            await s.client.publishAsync('reply/nodered/door', answer, { qos: 1, properties });
        }
        await s.press('Open the door');
        await s.until('the answer', () => s.shown('Door opened').length === 2);
        assert(!s.debug.some(d => d.text.includes('4711')));
    },

    async 'a guest key for a courier is made and told'() {
        await s.press('Key for a courier');
        const [told] = await s.until('the key', () => {
            const found = notified('Key for the courier');
            return found.length && found;
        });
        const made = JSON.parse(s.seen(/^reply\/nodered\/key$/)[0].payload).result;
        const call = (await s.control('GET', '/requests?command=create_akuvox_open_door_temp_key_config')).at(-1);
        assert.equal(call.param.count, 1);
        assert(told.fields.message.includes(`Code ${made.temp_key}, good for 1 opening until `));
        assert(told.fields.message.includes(made.qr_code_url));
        await s.until('the key in the editor', () => s.shown('Guest key').some(d => d.text.includes(made.temp_key)));
        const hours = (Date.parse(made.finish) - Date.now()) / 3600000;
        assert(hours > 3.9 && hours < 4.1, `good for ${hours} h`);
        await s.control('POST', '/fault', { on: 'create_akuvox_open_door_temp_key_config', kind: 'refuse' });
        await s.press('Key for a courier');
        await s.until('the refusal', () => notified('No key for the courier').length === 1);
        assert.equal(notified('Key for the courier').length, 1);
    },

    async 'the door log has a line for each event'() {
        const before = await s.until('the openings so far', () => logLines().length >= 4 && logLines());
        assert.match(before[0], /^[-0-9T:.+Z]+,opened,Apartment,Robin,/);
        assert.match(before[1], /,opened,Front Door,Alex,/);
        await s.control('POST', '/opening', { mac: s.home.devices[1].mac, account_name: 'Kim "K", the 2nd' });
        const after = await s.until('a line', () => logLines().length > before.length && logLines());
        assert.deepEqual(after.slice(0, -1), before);
        assert.match(after.at(-1), /,opened,Apartment,"Kim ""K"", the 2nd",/);
        await doorByHand({ event_id: 'retained' }, { retain: true });
        await s.client.publishAsync('home/villa/event/door', '', { qos: 1, retain: true });
        await doorByHand({ event_id: 'twice' });
        await doorByHand({ event_id: 'twice' });
        await doorByHand({ event_id: 'fence', event_type: 'denied' });
        await s.until('the fence', () => logLines().at(-1).includes(',denied,'));
        assert.equal(logLines().length, after.length + 2);
    },

    async 'without a gateway it says so, and nothing opens later'() {
        const before = await s.openings();
        await s.stop('gateway', 'SIGKILL');
        await s.press('Open the door');
        await s.until('the failure', () => notified('Look at the door').length === 1);
        assert.match(notified('Look at the door')[0].fields.message, /\(no_answer\)$/);
        await s.startGateway();
        await s.press('Open the door');
        await s.until('the answer', () => s.shown('Door opened').length === 3);
        assert.equal(await s.openings(), before + 1);
    },

    async 'nothing is told again after a restart of Node-RED'() {
        const before = { notifications: s.notifications.length, lines: logLines(), openings: await s.openings() };
        await ringByHand({ event_id: 'kept' }, { retain: true });
        await doorByHand({ event_id: 'kept' }, { retain: true });
        await s.stop('nodered');
        s.comms.terminate();
        await s.startNodeRed();
        await ring('After the restart', s.home.devices[0].mac);
        await s.until('a ring', () => s.notifications.length > before.notifications);
        const told = s.notifications.slice(before.notifications);
        assert.equal(told.length, 1);
        assert.match(told[0].fields.message, /^After the restart/);
        // The picture is retained, so it is there again.
        assert.deepEqual(told[0].body.subarray(0, 2), Buffer.from([0xff, 0xd8]));
        assert.deepEqual(logLines(), before.lines);
        assert.equal(await s.openings(), before.openings);
    },

    async 'a notification that cannot be sent is shown'() {
        s.ntfy.closeAllConnections();
        await new Promise(resolve => s.ntfy.close(resolve));
        await ring('Nobody hears it', s.home.devices[0].mac);
        await s.until('the error', () => s.shown('Error').some(d => d.text.includes('ECONNREFUSED')));
    },

    async 'Node-RED has complained of nothing else, and the file is as it was'() {
        const expected = /ECONNREFUSED|Failed to parse JSON string/;
        assert.deepEqual(complaints().filter(line => !expected.test(line)), []);
        assert(fs.readFileSync(s.file('user/flows.json')).equals(fs.readFileSync(FLOWS)));
        assert.deepEqual((await s.control('GET', '/state')).wrong_requests, []);
    },
};

async function main() {
    let failed = 0;
    await s.startBroker();
    await s.startCloud();
    await s.startNtfy();
    await s.startGateway();
    await s.startNodeRed();
    for (const [name, test] of Object.entries(tests)) {
        const start = Date.now();
        try {
            await test();
            console.log(`ok - ${name} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
        } catch (error) {
            failed++;
            console.log(`not ok - ${name}\n${error.stack}`);
        }
    }
    if (failed) {
        console.log('\n---- what the debug nodes showed');
        for (const { name, text } of s.debug) console.log(`${name}: ${text}`);
        for (const name of Object.keys(s.children)) console.log(`\n---- ${name}\n${s.log(name)}`);
    }
    console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
    await s.end();
    process.exit(failed ? 1 : 0);
}

main().catch(error => {
    console.error(error);
    for (const name of Object.keys(s.children)) console.error(`---- ${name}\n${s.log(name)}`);
    process.exit(1);
});
