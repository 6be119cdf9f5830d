import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { codeOf, KraudError, must, SeededRandom, silentLogger, systemClock } from '@kraud/base';
import type { ImageFacts } from '@kraud/host';
import { noImage, openMemoryStore, Tables, type Workload } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import { ImageFinder } from '../images/find.ts';
import { cloudLimits } from '../limits.ts';
import type { CloudParts } from '../parts.ts';
import type { WorkloadDraft } from './contract.ts';
import { previousOf } from './previous.ts';
import { versionOf } from './version.ts';
import { WorkloadUseCases } from './workloads.ts';

const caller: Caller = { tenant: 'default', local: true };
const wish = { signal: new AbortController().signal };
const idOf = (digit: string): string => `sha256:${digit.repeat(64)}`;

let tables: Tables;
let workloads: WorkloadUseCases;
let slow: PromiseWithResolvers<void>;
let slowSignal: AbortSignal | undefined;
let told: Record<string, string>[] = [];
let events: string[];
let end: () => Promise<void>;

beforeEach(async () => {
  const clock = systemClock;
  const random = new SeededRandom(1);
  const store = openMemoryStore({ clock });
  tables = new Tables({ store, clock, logger: silentLogger });
  const stop = new AbortController();
  const running = tables.run(stop.signal);
  await tables.ready();
  const facts = async (id: string): Promise<ImageFacts> =>
    ({ id, config: { cmd: ['sh'], labels: { from: 'image' } } }) as unknown as ImageFacts;
  const parts = {
    pods: tables.pods,
    images: tables.images,
    volumes: tables.volumes,
    networks: tables.networks,
    secrets: tables.secrets,
    configs: tables.configs,
    workloads: tables.workloads,
    tenants: tables.tenants,
    hosts: tables.hosts,
    imageContent: { facts },
    clock,
    random,
    logger: silentLogger,
    limits: { ...cloudLimits, imageWaitMs: 100 },
  } as unknown as CloudParts;
  events = [];
  told = [];
  slow = Promise.withResolvers();
  slowSignal = undefined;
  const finder = new ImageFinder(parts);
  const pull = async (
    _c: Caller,
    name: string,
    { auth, signal }: { auth?: object; signal: AbortSignal },
  ): Promise<void> => {
    if (name === 'slow:1') {
      slowSignal = signal;
      const ended = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => ended.reject(signal.reason));
      await Promise.race([slow.promise, ended.promise]);
      if (!finder.findIfAny(caller, name)) await addImage('slow:1', 'e');
      return;
    }
    if (name === 'private:1' && auth) return addImage('private:1', 'd');
    if (name !== 'far:1') throw new KraudError('not-found', 'no registry has it');
    await addImage('far:1', 'f');
  };
  workloads = new WorkloadUseCases(
    { parts, images: { pull }, finder },
    {
      record: async (_c, { action, attributes }) => {
        events.push(`${action} ${attributes.name}`);
        told.push(attributes);
      },
    },
  );
  await addImage('app:1', 'a');
  end = async () => {
    stop.abort();
    await running;
    await store.close();
  };
});
afterEach(() => end());

async function addImage(name: string, digit: string): Promise<void> {
  const id = idOf(digit);
  const key = { tenant: 'default', namespace: 'default', name: id };
  await tables.images.create({
    kind: 'Image',
    meta: {
      uid: digit.repeat(64),
      ...key,
      labels: {},
      annotations: {},
      generation: 1,
      finalizers: [],
      createdAt: new Date(0).toISOString(),
    },
    spec: { id, tags: [`docker.io/library/${name}`], digests: [] },
    status: { sizeBytes: 1 },
    given: {},
  });
}

const policy = {
  parallelism: 1,
  delayMs: 0,
  order: 'stop-first',
  onFailure: 'pause',
  monitorMs: 1000,
  maxFailureRatio: 0,
} as const;

function draft(more: Partial<WorkloadDraft> = {}, image = 'app:1'): WorkloadDraft {
  return {
    name: 'web',
    labels: {},
    annotations: {},
    given: { docker: { said: 1 } },
    mode: { type: 'replicated', replicas: 1 },
    pod: {
      labels: {},
      annotations: {},
      given: {},
      container: { image },
      hostname: '',
      domainname: '',
      networks: [],
      dns: { servers: [], search: [], options: [] },
      extraHosts: [],
      sysctls: {},
      ports: [],
      publishAll: false,
      exposed: [],
    },
    templated: false,
    update: policy,
    rollback: policy,
    restart: { condition: 'any', delayMs: 0, attemptsMax: 0, windowMs: 0 },
    force: 0,
    ...more,
  };
}

const imageOf = ({ spec }: Workload): string | undefined => spec.template.spec.containers[0]?.image.id;
const refused = async (work: Promise<unknown>, code: string, message: RegExp): Promise<void> => {
  await assert.rejects(work, (error) => codeOf(error) === code && message.test(String(error)));
};

test('made with an image that is decided, found in every way, and told of', async () => {
  const { workload } = await workloads.create(caller, draft(), wish);
  assert.equal(imageOf(workload), idOf('a'));
  assert.deepEqual(workload.spec.template.labels, { from: 'image' });
  const { uid } = workload.meta;
  for (const ref of ['web', uid, uid.slice(0, 10)])
    assert.equal((await workloads.get(caller, ref)).meta.uid, uid);
  await refused(workloads.get({ ...caller, tenant: 'other' }, uid), 'not-found', /not found/);
  await refused(workloads.create(caller, draft(), wish), 'exists', /service web already exists/);
  assert.deepEqual(events, ['create web']);
});

test('an image that is elsewhere is pulled; a name that is none is refused', async () => {
  const { workload } = await workloads.create(caller, draft({}, 'far:1'), wish);
  assert.equal(imageOf(workload), idOf('f'));
  await refused(workloads.create(caller, draft({ name: 'x' }, 'Not a name'), wish), 'invalid', /invalid/);
  assert.equal((await workloads.list(caller)).length, 1);
});

test('an image that is nowhere is warned of; what was asked is made of it once it is there', async () => {
  const wanted = draft({ mode: { type: 'job', completions: 2, parallelism: 1 } }, 'none:1');
  const { workload, warnings } = await workloads.create(caller, wanted, wish);
  assert.match(warnings.join(), /image none:1 is not here, and pulling it failed: no registry has it/);
  assert.equal(imageOf(workload), noImage);
  assert.equal(await workloads.findImage(workload, wish.signal), false);
  await addImage('none:1', 'c');
  assert.equal(await workloads.findImage(workload, wish.signal), true);
  const found = await workloads.get(caller, 'web');
  assert.equal(imageOf(found), idOf('c'));
  const { template, jobIteration } = found.spec;
  assert.deepEqual([template.labels, template.asked, jobIteration], [{ from: 'image' }, undefined, 0]);
  assert.deepEqual(template.spec.containers[0]?.args, ['sh']);
  assert.equal(previousOf(found), undefined, 'nobody has changed anything');
  assert.equal(await workloads.findImage(found, wish.signal), true);
  const gone = { ...workload, meta: { ...workload.meta, name: 'other' } };
  assert.equal(await workloads.findImage(gone, wish.signal), true);
});

test('a pull that takes long goes on by itself, and its image is found once it is over', async () => {
  const { workload, warnings } = await workloads.create(caller, draft({}, 'slow:1'), wish);
  assert.match(warnings.join(), /image slow:1 is not here, and it is still being pulled\./);
  assert.equal(imageOf(workload), noImage);
  const finding = workloads.findImage(workload, wish.signal);
  slow.resolve();
  assert.equal(await finding, true);
  assert.equal(imageOf(await workloads.get(caller, 'web')), idOf('e'));
});

test('who goes while the image is pulled ends the pull', async () => {
  const gone = new AbortController();
  const making = workloads.create(caller, draft({}, 'slow:1'), { signal: gone.signal });
  gone.abort();
  await assert.rejects(making);
  assert.deepEqual(await workloads.list(caller), []);
  assert.equal(slowSignal?.aborted, true);
});

test('a private image comes with the credentials of a later update that asks for nothing else', async () => {
  const { workload } = await workloads.create(caller, draft({}, 'private:1'), wish);
  assert.equal(imageOf(workload), noImage);
  const auth = { username: 'me', password: 'secret' };
  const known = { ...wish, auth };
  const updated = await workloads.update(caller, 'web', draft({}, 'private:1'), versionOf(workload), known);
  assert.equal(imageOf(updated.workload), idOf('d'));
  assert.deepEqual(updated.warnings, []);
});

test('a volume for each task: its name is filled in later, and no volume is made now', async () => {
  const mount = {
    type: 'volume',
    volume: 'v-{{.Task.Slot}}',
    target: '/x',
    readOnly: false,
    copyUp: true,
  } as const;
  const { pod } = draft();
  const wanted = draft({
    templated: true,
    pod: { ...pod, container: { ...pod.container, mounts: [mount] } },
  });
  const { workload } = await workloads.create(caller, wanted, wish);
  const [made] = workload.spec.template.spec.containers[0]?.mounts ?? [];
  assert.equal(made?.type === 'volume' && made.volume, 'v-{{.Task.Slot}}');
  assert.deepEqual(tables.volumes.list('default'), []);
});

test('what a change is about stands in its event', async () => {
  const made = (await workloads.create(caller, draft(), wish)).workload;
  await addImage('app:2', 'b');
  const more = draft({ mode: { type: 'replicated', replicas: 3 } }, 'app:2');
  const { workload } = await workloads.update(caller, 'web', more, versionOf(made), wish);
  await workloads.rollback(caller, 'web', versionOf(workload));
  assert.deepEqual(told.slice(1), [
    { name: 'web', 'image.old': 'app:1', 'image.new': 'app:2', 'replicas.old': '1', 'replicas.new': '3' },
    { name: 'web', 'image.old': 'app:2', 'image.new': 'app:1', 'replicas.old': '3', 'replicas.new': '1' },
  ]);
});

test('an update to an image that is nowhere can be rolled back, and what was asked since counts', async () => {
  const made = (await workloads.create(caller, draft(), wish)).workload;
  const updated = (await workloads.update(caller, 'web', draft({}, 'none:1'), versionOf(made), wish))
    .workload;
  assert.equal(imageOf(updated), noImage);
  const back = await workloads.rollback(caller, 'web', versionOf(updated));
  assert.equal(imageOf(back), idOf('a'));
  await addImage('none:1', 'c');
  assert.equal(await workloads.findImage(updated, wish.signal), true);
  assert.equal(imageOf(await workloads.get(caller, 'web')), idOf('a'));
});

for (const name of ['', '-a', 'a b', 'a.b', 'x'.repeat(64)]) {
  test(`the name ${JSON.stringify(name.slice(0, 8))} is refused`, () =>
    refused(workloads.create(caller, draft({ name }), wish), 'invalid', /name must be/));
}

test('a secret that is not there is named', async () => {
  const { pod } = draft();
  const secret = {
    type: 'file',
    source: 'Secret',
    name: 'key',
    target: '/key',
    uid: 0,
    gid: 0,
    mode: 0o444,
  } as const;
  const container = { ...pod.container, mounts: [secret] };
  const wanted = draft({ pod: { ...pod, container } });
  await refused(workloads.create(caller, wanted, wish), 'invalid', /secret key not found/);
});

test('an update keeps the image of the same name, unless forced', async () => {
  const made = (await workloads.create(caller, draft(), wish)).workload;
  await tables.images.mutate({ tenant: 'default', namespace: 'default', name: idOf('a') }, (image) => ({
    ...image,
    spec: { ...image.spec, tags: ['docker.io/library/old:1'] },
  }));
  await addImage('app:1', 'b');
  const kept = (await workloads.update(caller, 'web', draft({ labels: { a: 'b' } }), versionOf(made), wish))
    .workload;
  assert.equal(imageOf(kept), idOf('a'));
  const forced = (await workloads.update(caller, 'web', draft({ force: 1 }), versionOf(kept), wish)).workload;
  assert.equal(imageOf(forced), idOf('b'));
});

test('changes come in order, whatever is seen in between', async () => {
  const made = (await workloads.create(caller, draft(), wish)).workload;
  await tables.workloads.mutate(made.meta, (found) => ({
    ...found,
    status: { ...found.status, running: 1 },
  }));
  const labelled = draft({ labels: { a: 'b' } });
  const updated = (await workloads.update(caller, 'web', labelled, versionOf(made), wish)).workload;
  assert.ok(versionOf(updated) > versionOf(made));
  assert.equal(updated.status.running, 1);
  await refused(
    workloads.update(caller, 'web', draft(), versionOf(made), wish),
    'conflict',
    /out of sequence/,
  );
  const global = draft({ mode: { type: 'global' } });
  await refused(
    workloads.update(caller, 'web', global, versionOf(updated), wish),
    'unsupported',
    /mode change/,
  );
});

test('a rollback restores all that was wanted, and can be taken back', async () => {
  const made = (await workloads.create(caller, draft(), wish)).workload;
  await refused(workloads.rollback(caller, 'web', versionOf(made)), 'conflict', /previous/);
  const more = draft({
    mode: { type: 'replicated', replicas: 5 },
    labels: { a: 'b' },
    given: { docker: { said: 2 } },
  });
  const updated = (await workloads.update(caller, 'web', more, versionOf(made), wish)).workload;
  const back = await workloads.rollback(caller, 'web', versionOf(updated));
  assert.deepEqual([back.spec.mode, back.meta.labels, back.given.docker], [made.spec.mode, {}, { said: 1 }]);
  assert.equal(back.spec.rollsBack, true);
  assert.deepEqual(must(previousOf(back), 'it is kept').given, { docker: { said: 2 } });
  const forth = await workloads.rollback(caller, 'web', versionOf(back));
  assert.deepEqual([forth.spec.mode, forth.meta.labels], [more.mode, { a: 'b' }]);
});

test('an update of a job runs it anew', async () => {
  const job = draft({ mode: { type: 'job', completions: 2, parallelism: 1 } });
  const made = (await workloads.create(caller, job, wish)).workload;
  const again = (await workloads.update(caller, 'web', job, versionOf(made), wish)).workload;
  assert.deepEqual([made.spec.jobIteration, again.spec.jobIteration], [0, 1]);
});

test('removal is over when its controller is done', async () => {
  const { meta } = (await workloads.create(caller, draft(), wish)).workload;
  let gone = false;
  const removed = workloads.remove(caller, 'web').then(() => {
    gone = true;
  });
  await tables.workloads.follow('default', meta.uid, (version) => version?.meta.deletedAt);
  assert.equal(gone, false);
  await tables.workloads.mutate(meta, (found) => ({ ...found, meta: { ...found.meta, finalizers: [] } }));
  await removed;
  await refused(workloads.get(caller, 'web'), 'not-found', /web/);
});
