import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Attachment, NetworkState, Service } from '../contract.ts';
import { parseQuestion, replyTo, types } from './message.ts';
import { PodNames } from './pod-names.ts';
import { ServiceNames } from './service-names.ts';

const network = (name: string, more: Partial<NetworkState> = {}): NetworkState => ({
  tenant: 't',
  name,
  subnet: '',
  gateway: '',
  internal: false,
  names: true,
  ...more,
});
const networks = new Map(
  [network('front'), network('back', { internal: true }), network('default', { names: false })].map((n) => [
    n.name,
    n,
  ]),
);
const pod = (podId: string, places: [network: string, ipv4: string, ...names: string[]][]): Attachment => ({
  tenant: podId.startsWith('other') ? 'other' : 't',
  podId,
  podName: podId,
  mac: '',
  nameServers: [],
  ports: [],
  places: places.map(([name, ipv4, ...names]) => ({ network: name, ipv4, names: [podId, ...names] })),
});
const world = (...pods: Attachment[]): PodNames => {
  const names = new PodNames();
  for (const attachment of pods) names.put(attachment, (name) => networks.get(name));
  return names;
};
const web = pod('web', [['front', '10.0.1.2', 'www']]);
const app = pod('app', [
  ['front', '10.0.1.3'],
  ['back', '10.0.2.3', 'API'],
]);
const db = pod('db', [['back', '10.0.2.2']]);
const plain = pod('plain', [['default', '10.0.3.2']]);

const ask = (names: PodNames, from: string, name: string, type: number = types.a) =>
  names.asker(from)?.answer({ name, type, end: 0 })?.data;

test('pods are told of those that they share a network with, at the address that they have there', () => {
  const names = world(web, app, db, plain);
  assert.deepEqual(ask(names, '10.0.1.2', 'app'), [{ ipv4: '10.0.1.3' }]);
  assert.deepEqual(ask(names, '10.0.2.2', 'app'), [{ ipv4: '10.0.2.3' }]);
  assert.deepEqual(ask(names, '10.0.1.2', 'app.front'), [{ ipv4: '10.0.1.3' }]);
  assert.deepEqual(ask(names, '10.0.2.2', 'api'), [{ ipv4: '10.0.2.3' }]);
  assert.equal(ask(names, '10.0.1.2', 'api'), undefined);
  assert.equal(ask(names, '10.0.1.2', 'db'), undefined);
  assert.equal(ask(names, '10.0.3.2', 'web'), undefined);
  assert.equal(ask(names, '10.0.1.2', 'plain'), undefined);
  assert.deepEqual(ask(names, '10.0.1.2', 'web'), [{ ipv4: '10.0.1.2' }]);
  assert.equal(names.asker('10.9.9.9'), undefined);
});

test('a name of several pods leads to all of them, and one that left is forgotten', () => {
  const names = world(web, app, pod('web2', [['front', '10.0.1.4', 'www']]));
  assert.deepEqual(ask(names, '10.0.1.3', 'www'), [{ ipv4: '10.0.1.2' }, { ipv4: '10.0.1.4' }]);
  names.remove('web');
  assert.deepEqual(ask(names, '10.0.1.3', 'www'), [{ ipv4: '10.0.1.4' }]);
  names.remove('web2');
  assert.equal(ask(names, '10.0.1.3', 'www'), undefined);
});

const shop: Service = {
  ...{ tenant: 't', network: 'front', names: ['Shop', 'buy'], virtual: '10.0.1.250' },
  ...{ ready: ['10.0.1.5', '10.0.1.6'], members: ['10.0.1.5', '10.0.1.6', '10.0.1.7'] },
};

test('a service is told of by its virtual address, and its ready pods where they are asked for', () => {
  const services = new ServiceNames();
  const names = new PodNames(services);
  const pods = [
    web,
    app,
    db,
    pod('other', [['front', '10.0.9.2']]),
    pod('old', [['front', '10.0.1.8', 'shop']]),
  ];
  for (const attachment of pods) names.put(attachment, (name) => networks.get(name));
  services.set([shop]);
  const addresses = (name: string, from = '10.0.1.2') =>
    ask(names, from, name)?.map((data) => Object.values(data)[0]);
  for (const name of ['shop', 'buy', 'shop.front', 'buy.front'])
    assert.deepEqual(addresses(name), ['10.0.1.250']);
  for (const name of ['tasks.shop', 'tasks.buy', 'tasks.shop.front']) {
    assert.deepEqual(addresses(name)?.sort(), ['10.0.1.5', '10.0.1.6'], name);
  }
  assert.notDeepEqual(addresses('tasks.shop'), addresses('tasks.shop'));
  assert.equal(addresses('shop', '10.0.2.2'), undefined);
  assert.equal(addresses('shop', '10.0.9.2'), undefined);
  assert.deepEqual(addresses('250.1.0.10.in-addr.arpa'), []);
  assert.deepEqual(ask(names, '10.0.1.2', '250.1.0.10.in-addr.arpa', types.ptr), [{ name: 'Shop.front' }]);

  services.set([
    { ...shop, virtual: undefined },
    { ...shop, names: ['buy'], virtual: undefined, ready: ['10.0.1.9'] },
  ]);
  assert.deepEqual(addresses('shop')?.sort(), ['10.0.1.5', '10.0.1.6']);
  assert.deepEqual(addresses('buy')?.sort(), ['10.0.1.5', '10.0.1.6', '10.0.1.9']);
  services.set([{ ...shop, ready: [] }]);
  assert.deepEqual(addresses('tasks.shop'), []);
  services.set([]);
  assert.deepEqual(addresses('shop'), ['10.0.1.8']);
});

test('a link may lead to a service', () => {
  const services = new ServiceNames();
  services.set([shop]);
  const names = new PodNames(services);
  const place = {
    network: 'front',
    ipv4: '10.0.1.2',
    names: ['web'],
    links: [{ alias: 'store', to: 'shop' }],
  };
  names.put({ ...web, places: [place] }, (name) => networks.get(name));
  assert.deepEqual(ask(names, '10.0.1.2', 'store'), [{ ipv4: '10.0.1.250' }]);
});

test('other kinds of record of a known name are none, and addresses lead back to names', () => {
  const names = world(web, app, db);
  assert.deepEqual(ask(names, '10.0.1.2', 'app', types.aaaa), []);
  assert.deepEqual(ask(names, '10.0.1.2', '3.1.0.10.in-addr.arpa', types.ptr), [{ name: 'app.front' }]);
  assert.equal(ask(names, '10.0.1.2', '2.2.0.10.in-addr.arpa', types.ptr), undefined);
});

test('who has no way out has no name servers outside', () => {
  const names = world(web, db, { ...app, nameServers: ['1.1.1.1'] });
  assert.equal(names.asker('10.0.1.2')?.servers, undefined);
  assert.deepEqual(names.asker('10.0.2.2')?.servers, []);
  assert.deepEqual(names.asker('10.0.1.3')?.servers, ['1.1.1.1']);
});

test('the same network of another tenant is another network', () => {
  const names = world(web, pod('other', [['front', '10.0.9.2']]));
  assert.equal(ask(names, '10.0.9.2', 'web'), undefined);
});

test('what comes and goes in any order leaves no name behind', () => {
  const step = fc.record({ id: fc.integer({ min: 1, max: 5 }), on: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const names = new PodNames();
      const present = new Set<number>();
      for (const { id, on } of steps) {
        const attachment = pod(`p${id}`, [['front', `10.0.1.${id}`, 'all']]);
        if (on) names.put(attachment, (name) => networks.get(name));
        else names.remove(attachment.podId);
        if (on) present.add(id);
        else present.delete(id);
        for (const seen of present) {
          const found = ask(names, `10.0.1.${seen}`, 'all') ?? [];
          assert.equal(found.length, present.size);
        }
      }
    }),
  );
});

const query = (name: string, type: number = types.a): Buffer => {
  const head = Buffer.from([0xab, 0xcd, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, type, 0, 1])]);
};

test('a question is read, and its reply holds what was found', () => {
  const message = query('Web.Front');
  const question = parseQuestion(message);
  assert.deepEqual(question, { name: 'web.front', type: types.a, end: message.length });
  if (!question) return;
  const options = { ttlS: 5, bytesMax: 512 };
  const reply = replyTo(message, question, { code: 'ok', data: [{ ipv4: '10.0.1.2' }] }, options);
  assert.equal(reply.subarray(0, 8).toString('hex'), 'abcd818000010001');
  assert.equal(reply.subarray(message.length).toString('hex'), 'c00c00010001000000050004' + '0a000102');
  const many = Array.from({ length: 100 }, (_, i) => ({ ipv4: `10.0.1.${i}` }));
  const cut = replyTo(message, question, { code: 'ok', data: many }, options);
  assert.ok(cut.length <= 512);
  assert.equal(cut.readUInt16BE(2) & 0x0200, 0x0200);
  const failed = replyTo(message, question, { code: 'failed', data: [] }, options);
  assert.equal(failed.readUInt16BE(2) & 0xf, 2);
});

test('no bytes make the reader of questions throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const message = Buffer.from(bytes);
      const question = parseQuestion(message);
      if (question) {
        assert.ok(question.end <= message.length);
        replyTo(message, question, { code: 'ok', data: [{ name: 'a.b' }] }, { ttlS: 1, bytesMax: 512 });
      }
    }),
    { numRuns: 2000 },
  );
});

test('links are for the asker alone, also to pods of a network without names', () => {
  const linked: Attachment = {
    ...pod('linked', []),
    places: [
      { network: 'default', ipv4: '10.0.3.9', names: ['linked'], links: [{ alias: 'DB', to: 'plain' }] },
      { network: 'front', ipv4: '10.0.1.9', names: ['linked'], links: [{ alias: 'api', to: 'web' }] },
    ],
  };
  const names = world(web, plain, linked);
  assert.deepEqual(ask(names, '10.0.3.9', 'db'), [{ ipv4: '10.0.3.2' }]);
  assert.deepEqual(ask(names, '10.0.1.9', 'api'), [{ ipv4: '10.0.1.2' }]);
  assert.equal(ask(names, '10.0.3.9', 'plain'), undefined);
  assert.equal(ask(names, '10.0.1.2', 'api'), undefined);
  names.remove('plain');
  assert.equal(ask(names, '10.0.3.9', 'db'), undefined);
  names.put(pod('plain', [['default', '10.0.3.7']]), (name) => networks.get(name));
  assert.deepEqual(ask(names, '10.0.3.9', 'db'), [{ ipv4: '10.0.3.7' }]);
});

test('pods of other hosts are told like those of this one, and ask nothing', () => {
  const names = world(web, app);
  const places = [{ network: 'front', ipv4: '10.0.1.64', names: ['far', 'www'] }];
  names.far.put({ tenant: 't', podId: 'far', podName: 'far', places });
  names.far.put({
    tenant: 'other',
    podId: 'foreign',
    podName: 'foreign',
    places: places.map((p) => ({ ...p, ipv4: '10.0.9.9' })),
  });
  assert.deepEqual(ask(names, '10.0.1.2', 'far.front'), [{ ipv4: '10.0.1.64' }]);
  assert.deepEqual(ask(names, '10.0.1.3', 'www'), [{ ipv4: '10.0.1.2' }, { ipv4: '10.0.1.64' }]);
  assert.deepEqual(ask(names, '10.0.1.2', '64.1.0.10.in-addr.arpa', types.ptr), [{ name: 'far.front' }]);
  assert.equal(names.asker('10.0.1.64'), undefined);
  assert.equal(names.isFar('10.0.1.64'), true);
  names.far.put({
    tenant: 't',
    podId: 'far',
    podName: 'new',
    places: places.map((p) => ({ ...p, names: ['new'] })),
  });
  assert.equal(ask(names, '10.0.1.2', 'far'), undefined);
  assert.deepEqual(ask(names, '10.0.1.2', 'new'), [{ ipv4: '10.0.1.64' }]);
  names.far.remove('far');
  assert.equal(ask(names, '10.0.1.2', 'new'), undefined);
  assert.equal(names.isFar('10.0.1.64'), false);
});

test('a pod that comes here with its address keeps its name, whatever is told first', () => {
  const names = world(app);
  const far = { tenant: 't', podId: 'web', podName: 'web', places: web.places };
  names.far.put(far);
  names.put(web, (name) => networks.get(name));
  names.far.remove('web');
  assert.deepEqual(ask(names, '10.0.1.3', 'web'), [{ ipv4: '10.0.1.2' }]);
  names.far.put(far);
  names.remove('web');
  assert.deepEqual(ask(names, '10.0.1.3', 'web'), [{ ipv4: '10.0.1.2' }]);
});
