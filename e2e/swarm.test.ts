import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { image, TestCloud } from './harness/cloud.ts';
import { eventually } from './harness/command.ts';
import { TestSwarm } from './harness/swarm.ts';

let cloud: TestCloud;
before(async () => {
  cloud = await TestCloud.start({ cradle: { warmMax: 0 } });
});
after(async () => {
  await cloud.docker(['swarm', 'leave', '--force']);
  await cloud.stop();
});

test('before init there is no swarm', async () => {
  await cloud.fails(['node', 'ls'], /This node is not a swarm manager/);
  await cloud.fails(['service', 'ls'], /This node is not a swarm manager/);
  await cloud.fails(['swarm', 'leave'], /This node is not part of a swarm/);
  assert.equal(await cloud.ok(['info', '--format', '{{.Swarm.LocalNodeState}}']), 'inactive');
});

test('init, once; the host is a manager', async () => {
  assert.match(
    await cloud.ok(['swarm', 'init']),
    /Swarm initialized: current node \(\w{25}\) is now a manager/,
  );
  await cloud.fails(['swarm', 'init'], /already part of a swarm/);
  assert.equal(
    await cloud.ok([
      'info',
      '--format',
      '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}} {{.Swarm.Nodes}}',
    ]),
    'active true 1',
  );
  assert.equal(
    await cloud.ok(['node', 'ls', '--format', '{{.Self}} {{.Status}} {{.Availability}} {{.ManagerStatus}}']),
    'true Ready Active Leader',
  );
});

test('what is refused says what to do', async () => {
  await cloud.fails(['swarm', 'join', '--token', 'abc', '10.0.0.1:7400'], /already part of a swarm/);
  await cloud.fails(['swarm', 'ca'], /No CA information available/);
  await cloud.fails(['swarm', 'unlock-key'], /no unlock key is set/);
  await cloud.fails(['swarm', 'update', '--autolock'], /AutoLockManagers is not supported/);
  await cloud.fails(['swarm', 'leave'], /--force/);
  assert.match(await cloud.ok(['swarm', 'join-token', 'worker']), /docker swarm join --token/);
});

test('settings are kept', async () => {
  await cloud.ok(['swarm', 'update', '--task-history-limit', '2']);
  const format = '{{.Swarm.Cluster.Spec.Orchestration.TaskHistoryRetentionLimit}}';
  assert.equal(await cloud.ok(['info', '--format', format]), '2');
});

test('a node has labels and an availability, which place tasks', async () => {
  const [id = ''] = (await cloud.ok(['node', 'ls', '-q'])).split('\n');
  await cloud.ok(['node', 'update', '--label-add', 'zone=a', '--availability', 'pause', id]);
  assert.match(await cloud.ok(['node', 'inspect', '--pretty', 'self']), /zone=a[\s\S]*Availability:\s+Pause/);
  await cloud.fails(['node', 'demote', id], /last manager/);
  const make = [
    'service',
    'create',
    '-d',
    '--name',
    'placed',
    '--restart-condition',
    'none',
    '--stop-grace-period',
    '1s',
  ];
  await cloud.ok([...make, '--constraint', 'node.labels.zone==a', image, 'sleep', '1000']);
  const swarm = TestSwarm.of(cloud);
  await eventually(
    'it says why it waits',
    async () => (await swarm.tasks('placed')).some(({ error }) => error.includes('no suitable node')),
    120_000,
  );
  await cloud.ok(['node', 'update', '--availability', 'active', id]);
  await swarm.runs('placed', 1);
  assert.match(await cloud.ok(['node', 'ps', '--format', '{{.Name}}']), /^placed\.1$/m);
  await cloud.ok(['service', 'rm', 'placed']);
});

test('a drained node is left by its tasks', async () => {
  const [id = ''] = (await cloud.ok(['node', 'ls', '-q'])).split('\n');
  const make = ['service', 'create', '-d', '--name', 'leaves', '--stop-grace-period', '1s'];
  await cloud.ok([...make, image, 'sleep', '1000']);
  const swarm = TestSwarm.of(cloud);
  await swarm.runs('leaves', 1);
  await cloud.ok(['node', 'update', '--availability', 'drain', id]);
  await swarm.reach('leaves', 'Pending');
  await cloud.ok(['node', 'update', '--availability', 'active', id]);
  await swarm.runs('leaves', 1);
});

test('leaving by force ends the swarm with its services', async () => {
  await cloud.ok(['swarm', 'leave', '--force']);
  assert.equal(await cloud.ok(['ps', '-aq']), '');
  assert.equal(await cloud.ok(['info', '--format', '{{.Swarm.LocalNodeState}}']), 'inactive');
});
