import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { compactId, SeededRandom, silentLogger, systemClock } from '@kraud/base';
import { openMemoryStore, type Pod, type Secret, Tables } from '@kraud/macro';
import type { Files } from './contract.ts';
import { secretUseCases } from './files.ts';

const stop = new AbortController();
const caller = { tenant: 'default', local: true };
const other = { tenant: 'other', local: false };
let running: Promise<void>;
let tables: Tables;
let secrets: Files<Secret>;
const told: string[] = [];
const readers: Pod[] = [];

before(async () => {
  const store = openMemoryStore({ clock: systemClock });
  tables = new Tables({ store, clock: systemClock, logger: silentLogger });
  running = tables.run(stop.signal);
  await tables.ready();
  const recorder = {
    record: async (_caller: unknown, { type, action }: { type: string; action: string }) =>
      void told.push(`${type} ${action}`),
  };
  const { secrets: table, configs, workloads } = tables;
  const pods = { list: () => readers } as unknown as Tables['pods'];
  const parts = {
    ...{ secrets: table, configs, pods, workloads },
    ...{ clock: systemClock, random: new SeededRandom(1) },
    limits: { secretBytesLimit: 10, configBytesLimit: 10 },
  };
  secrets = secretUseCases(parts, recorder);
});
after(async () => {
  stop.abort();
  await running;
});

const draft = (name: string, text = 'hush', templated = false) => ({
  name,
  labels: {},
  data: Buffer.from(text).toString('base64'),
  templated,
  given: {},
});

test('a secret is made once, found by name, id and the beginning of its id, and by its tenant only', async () => {
  const made = await secrets.create(caller, draft('a'));
  assert.deepEqual(await secrets.get(caller, 'a'), made);
  assert.deepEqual(await secrets.get(caller, made.meta.uid), made);
  assert.deepEqual(await secrets.get(caller, made.meta.uid.slice(0, 25)), made);
  assert.deepEqual(await secrets.get(caller, compactId(made.meta.uid)), made);
  await assert.rejects(secrets.get(other, 'a'), { code: 'not-found', message: 'secret a not found' });
  await assert.rejects(secrets.create(caller, draft('a')), {
    code: 'exists',
    message: 'secret a already exists',
  });
  assert.deepEqual(told, ['secret create']);
});

test('whose name is another one’s id is found by its own', async () => {
  const real = await secrets.create(caller, draft('real'));
  const id = compactId(real.meta.uid);
  const fake = await secrets.create(caller, draft(id));
  assert.deepEqual(await secrets.get(caller, id), real);
  await secrets.remove(caller, id);
  assert.deepEqual(await secrets.get(caller, id), fake);
  await assert.rejects(secrets.get(caller, id.slice(0, 5)), { code: 'not-found' });
  await secrets.remove(caller, compactId(fake.meta.uid).slice(0, 8));
});

test('names and sizes are swarm’s', async () => {
  await assert.rejects(secrets.create(caller, draft('')), {
    code: 'invalid',
    message: 'name must be provided',
  });
  for (const name of ['-a', 'a-', 'a/b', 'a'.repeat(65)]) {
    await assert.rejects(secrets.create(caller, draft(name)), { code: 'invalid', message: /^invalid name/ });
  }
  await secrets.create(caller, draft('a'.repeat(64), '123456789'));
  for (const text of ['', '1234567890']) {
    await assert.rejects(secrets.create(caller, draft('b', text)), {
      message: 'secret data must be larger than 0 and less than 10 bytes',
    });
  }
  await assert.rejects(secrets.create(caller, { ...draft('b'), data: 'no base64' }), { code: 'invalid' });
});

test('a template says what can be filled in, or is refused by name', async () => {
  const parts = { ...tables, clock: systemClock, random: new SeededRandom(2) };
  const limits = { secretBytesLimit: 100, configBytesLimit: 100 };
  const roomy = secretUseCases({ ...parts, limits }, { record: async () => {} });
  await roomy.create(caller, draft('says', '{{.Service.Name}} {{env "A"}} {{secret "b"}}', true));
  await roomy.create(caller, draft('plain', '{{range .}}'));
  await assert.rejects(roomy.create(caller, draft('loops', '{{range .Task}}', true)), {
    code: 'unsupported',
    message: 'the template {{range .Task}} is not supported',
  });
});

test('labels change, at the revision that was seen', async () => {
  const made = await secrets.create(caller, draft('labelled'));
  const revision = made.meta.revision ?? 0;
  const changed = await secrets.update(caller, 'labelled', { x: 'y' }, revision);
  assert.deepEqual(changed.meta.labels, { x: 'y' });
  assert.equal(changed.spec.data, made.spec.data);
  await assert.rejects(secrets.update(caller, 'labelled', {}, revision), {
    code: 'conflict',
    message: 'update out of sequence',
  });
});

test('a secret that a pod reads stays, and goes once nobody does', async () => {
  await secrets.create(caller, draft('read'));
  const mount = { type: 'file', source: 'Secret', name: 'read' };
  const meta = { name: 'reader', namespace: 'default' };
  readers.push({ meta, spec: { containers: [{ mounts: [mount] }] } } as unknown as Pod);
  await assert.rejects(secrets.remove(caller, 'read'), {
    code: 'conflict',
    message: "secret 'read' is in use by the following service: reader",
  });
  readers.length = 0;
  await secrets.remove(caller, 'read');
  await assert.rejects(secrets.get(caller, 'read'), { code: 'not-found' });
});
