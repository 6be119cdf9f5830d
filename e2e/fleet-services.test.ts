import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { image } from './harness/cloud.ts';
import { eventually, run } from './harness/command.ts';
import { Fleet } from './harness/fleet.ts';
import { TestSwarm } from './harness/swarm.ts';

let fleet: Fleet;
let swarm: TestSwarm;
before(async () => {
  fleet = await Fleet.start(3, { host: { leaseTtlMs: 10_000 } });
  await fleet.host(0).ok(['swarm', 'init']);
  swarm = TestSwarm.of(fleet.host(0));
});
after(async () => {
  await fleet?.host(0).docker(['swarm', 'leave', '--force'], { timeoutMs: 120_000 });
  await fleet?.stop();
});

const ok = (args: readonly string[]): Promise<string> => fleet.host(0).ok(args, { timeoutMs: 180_000 });
const make = ['service', 'create', '-d', '--stop-grace-period', '1s', '--restart-delay', '1s'];
const sleep = [image, 'sleep', '100000'];

/** How many tasks of a service run on each host, as the client sees it. */
async function spread(service: string): Promise<Record<string, number>> {
  const running = ['--filter', 'desired-state=running'];
  const format = ['--format', '{{.Node}} {{.CurrentState}}'];
  const lines = (await ok(['service', 'ps', ...running, ...format, service])).split('\n');
  const counts: Record<string, number> = {};
  for (const line of lines) {
    const [node = '', state] = line.split(' ');
    if (state === 'Running') counts[node] = (counts[node] ?? 0) + 1;
  }
  return counts;
}

async function runsAs(service: string, wanted: Record<string, number>): Promise<void> {
  let seen = {};
  await eventually(
    `${service} runs as ${JSON.stringify(wanted)}`,
    async () => {
      seen = await spread(service);
      return JSON.stringify(Object.entries(seen).sort()) === JSON.stringify(Object.entries(wanted).sort());
    },
    120_000,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; it runs as ${JSON.stringify(seen)}`);
  });
}

async function remove(...services: string[]): Promise<void> {
  await ok(['service', 'rm', ...services]);
}

async function why(pod: string): Promise<{ state: string; sentences: string[] }> {
  const program = join(import.meta.dirname, '../bin/kra');
  const { code, stdout, stderr } = await run(program, [
    '--data-dir',
    fleet.host(0).dir,
    'why',
    '--json',
    pod,
  ]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as { state: string; sentences: string[] };
}

async function podOf(service: string): Promise<string> {
  const [task] = await swarm.tasks(service);
  return `${task?.name}.${task?.id}`;
}

test('replicas are spread over all nodes, one on each is on all', async () => {
  await ok([...make, '--name', 'web', '--replicas', '6', ...sleep]);
  await ok([...make, '--name', 'agent', '--mode', 'global', ...sleep]);
  await runsAs('web', { h1: 2, h2: 2, h3: 2 });
  await runsAs('agent', { h1: 1, h2: 1, h3: 1 });
  assert.deepEqual((await ok(['node', 'ps', 'h2', '--format', '{{.Name}}'])).split('\n').length, 3);
  await remove('web', 'agent');
});

test('evenly over the values of a label, and there over the nodes', async () => {
  for (const [n, rack] of ['a', 'b', 'b'].entries())
    await ok(['node', 'update', '--label-add', `rack=${rack}`, fleet.name(n)]);
  await ok([
    ...make,
    '--name',
    'racks',
    '--placement-pref',
    'spread=node.labels.rack',
    '--replicas',
    '4',
    ...sleep,
  ]);
  await runsAs('racks', { h1: 2, h2: 1, h3: 1 });
  await remove('racks');
});

test('constraints: by role, and by a label that a node gets later', async () => {
  await ok([...make, '--name', 'workers', '--constraint', 'node.role==worker', '--replicas', '2', ...sleep]);
  await ok([...make, '--name', 'managers', '--constraint', 'node.role!=worker', '--replicas', '2', ...sleep]);
  await ok([...make, '--name', 'later', '--constraint', 'node.labels.disk==ssd', ...sleep]);
  await runsAs('workers', { h2: 1, h3: 1 });
  await runsAs('managers', { h1: 2 });
  await swarm.reach('later', 'Pending');
  const refused = await why(await podOf('later'));
  assert.equal(refused.state, 'refused');
  assert.match(
    refused.sentences.join('; '),
    /none of 3 hosts can take it: 3 × not disk=ssd; what would help/,
  );
  await ok(['node', 'update', '--label-add', 'disk=ssd', 'h3']);
  await runsAs('later', { h3: 1 });
  await remove('workers', 'managers', 'later');
});

test('a node that is drained is left, and why says so', async () => {
  await ok([...make, '--name', 'leaves', '--constraint', 'node.hostname!=h1', ...sleep]);
  await swarm.runs('leaves', 1);
  const [from = ''] = Object.keys(await spread('leaves'));
  const to = from === 'h2' ? 'h3' : 'h2';
  await ok(['node', 'update', '--availability', 'drain', from]);
  await runsAs('leaves', { [to]: 1 });
  const moved = await why(await podOf('leaves'));
  assert.equal(moved.state, 'moved');
  assert.match(moved.sentences.join(), new RegExp(`which had to leave ${from}: it is drained`));
  await ok(['node', 'update', '--availability', 'drain', to]);
  await swarm.reach('leaves', 'Pending');
  const pending = await why(await podOf('leaves'));
  assert.equal(pending.state, 'pending');
  assert.match(pending.sentences.join(), /none of 3 hosts can take it: 2 × drained, 1 × not kr\.host!=h1/);
  for (const name of [from, to]) await ok(['node', 'update', '--availability', 'active', name]);
  await swarm.runs('leaves', 1);
  await remove('leaves');
});

test('a container that had to go, and one that is back, say so', async () => {
  const there = ['--label', 'kr.host=h2', ...sleep];
  await ok(['run', '-d', '--name', 'plain', ...there]);
  await ok(['run', '-d', '--name', 'always', '--restart', 'always', ...there]);
  await ok(['node', 'update', '--availability', 'drain', 'h2']);
  await eventually('it has left', async () => (await why('always')).state === 'pending', 60_000);
  await eventually('so has the other', async () =>
    (await why('plain')).sentences[0]?.includes('has left h2'),
  );
  assert.match((await why('plain')).sentences.join(), /no restart policy, so it stays stopped/);
  await ok(['node', 'update', '--availability', 'active', 'h2']);
  await eventually(
    'it is back',
    async () => (await why('always')).sentences.join().includes('it is on h2, running'),
    60_000,
  );
  assert.match((await why('always')).sentences.join(), /it had to leave h2, and is back: host h2 is drained/);
  await ok(['rm', '-f', 'plain', 'always']);
});

test('roles change, and each node knows its own', async () => {
  const control = (n: number): Promise<string> =>
    fleet.host(n).ok(['info', '--format', '{{.Swarm.ControlAvailable}} {{.Swarm.Managers}}']);
  assert.equal(await control(1), 'false 1');
  await ok(['node', 'promote', 'h2']);
  assert.equal(await control(1), 'true 2');
  await ok(['node', 'demote', 'h2']);
  assert.equal(await control(1), 'false 1');
  await fleet.host(0).fails(['node', 'demote', 'h1'], /last manager/);
  // Clients ask for whole seconds.
  await eventually('the events are told', async () => {
    const events = await ok(['events', '--since', '10m', '--until', '0s', '-f', 'type=node']);
    return /availability\.new=drain, availability\.old=active[\s\S]*role\.new=manager, role\.old=worker/.test(
      events,
    );
  });
});
