import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TestServer } from '../testing/server.ts';

let server: TestServer;
before(async () => {
  server = await TestServer.open();
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

const data = Buffer.from('hush').toString('base64');

for (const [path, shows] of [
  ['/secrets', false],
  ['/configs', true],
] as const) {
  test(`${path}: made, listed, shown, relabelled, removed`, async () => {
    const made = await server.ask('POST', `${path}/create`, { Name: 'key', Labels: { a: 'b' }, Data: data });
    assert.equal(made.status, 201);
    const { ID } = made.json;
    assert.match(ID, /^[0-9a-z]{25}$/);
    const shown = await server.ask('GET', `${path}/key`);
    assert.deepEqual(shown.json.Spec, { Name: 'key', Labels: { a: 'b' }, ...(shows ? { Data: data } : {}) });
    assert.equal(shown.text.includes(data), shows);
    const version = shown.json.Version.Index;
    const spec = { Name: 'key', Labels: { c: 'd' } };
    assert.equal((await server.ask('POST', `${path}/${ID}/update?version=${version}`, spec)).status, 200);
    const filters = encodeURIComponent(JSON.stringify({ label: ['c=d'], name: ['ke'] }));
    assert.equal((await server.ask('GET', `${path}?filters=${filters}`)).json.length, 1);
    const none = encodeURIComponent(JSON.stringify({ names: ['ke'] }));
    assert.deepEqual((await server.ask('GET', `${path}?filters=${none}`)).json, []);
    assert.equal((await server.ask('DELETE', `${path}/${ID}`)).status, 204);
    assert.equal((await server.ask('GET', `${path}/key`)).status, 404);
  });

  test(`${path}: what is in it can't be changed`, async () => {
    const { ID } = (await server.ask('POST', `${path}/create`, { Name: 'fixed', Data: data })).json;
    const changed = await server.ask('POST', `${path}/${ID}/update?version=1`, {
      Name: 'fixed',
      Data: 'YQ==',
    });
    assert.equal(changed.status, 400);
    assert.match(changed.json.message, /only updates to Labels are allowed/);
  });

  test(`${path}: an unknown templating driver is refused by name`, async () => {
    const spec = { Name: 'x', Data: data, Templating: { Name: 'jinja' } };
    const reply = await server.ask('POST', `${path}/create`, spec);
    assert.equal(reply.status, 501);
    assert.match(reply.json.message, /Templating.Name=jinja/);
  });
}
