import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { freePort } from '../bench/free-port.ts';
import { image } from './harness/cloud.ts';
import { eventually } from './harness/command.ts';
import { TestSwarm } from './harness/swarm.ts';

let swarm: TestSwarm;
before(async () => {
  swarm = await TestSwarm.start({ cradle: { warmMax: 2 }, registries: { attemptsMax: 1 } });
});
after(() => swarm.stop());

const ok: TestSwarm['cloud']['ok'] = (args, options) => swarm.cloud.ok(args, options);
const soon = ['--stop-grace-period', '1s', '--update-monitor', '1s'];

test('a service runs as often as it should, under one name', async () => {
  const told = await ok(
    [
      'service',
      'create',
      '--name',
      'web',
      '--replicas',
      '2',
      ...soon,
      '--label',
      'tier=front',
      '--env',
      'V=1',
    ].concat(['--env', 'SLOT={{.Task.Slot}}', image, 'sh', '-c', 'echo "slot $SLOT v$V"; sleep 100000']),
    { timeoutMs: 180_000 },
  );
  assert.match(told, /verify: Service \w+ converged/);
  assert.equal(
    await ok(['service', 'ls', '--format', '{{.Name}} {{.Mode}} {{.Replicas}}']),
    'web replicated 2/2',
  );
  assert.equal((await swarm.runs('web', 2)).length, 2);
  const service = ['--filter', 'label=com.docker.swarm.service.name=web'];
  const names = (await ok(['ps', ...service, '--format', '{{.Names}}'])).split('\n').sort();
  assert.deepEqual(
    names.map((name) => name.replace(/\w{25}$/, 'ID')),
    ['web.1.ID', 'web.2.ID'],
  );
  assert.equal(await ok(['exec', names[1] ?? '', 'sh', '-c', 'echo $SLOT']), '2');
  const task = await swarm.cloud.inspect<string>(
    names[0] ?? '',
    '{{json (index .Config.Labels "com.docker.swarm.task.id")}}',
  );
  assert.equal(names[0], `web.1.${task}`);
});

test('logs of all tasks, each line with its task', async () => {
  const lines = await eventually('both have printed', async () => {
    const text = await ok(['service', 'logs', 'web']);
    return text.split('\n').length === 2 ? text.split('\n').sort() : undefined;
  });
  assert.match(lines[0] ?? '', /^web\.1\.\w+@\S+\s+\| slot 1 v1$/);
  assert.match(lines[1] ?? '', /^web\.2\.\w+@\S+\s+\| slot 2 v1$/);
  assert.deepEqual((await ok(['service', 'logs', '--raw', 'web'])).split('\n').sort(), [
    'slot 1 v1',
    'slot 2 v1',
  ]);
});

test('a task that dies gets a successor, and is remembered', async () => {
  const [first] = await swarm.runs('web', 2);
  const name = `${first?.name}.${first?.id}`;
  await ok(['kill', name]);
  await eventually(
    'another one runs in its slot',
    async () => (await swarm.runs('web', 2)).every(({ id }) => id !== first?.id),
    120_000,
  );
  const old = (await swarm.tasks('web')).find(({ id }) => id === first?.id);
  assert.match(old?.state ?? '', /^Failed/);
  assert.match(old?.error ?? '', /non-zero exit \(137\)/);
});

test('up and down in number', async () => {
  await ok(['service', 'scale', '-d', 'web=3']);
  await swarm.runs('web', 3);
  await ok(['service', 'scale', '-d', 'web=1']);
  await swarm.runs('web', 1);
});

test('an update, and the way back', async () => {
  await ok(['service', 'update', '-d', '--env-add', 'V=2', 'web']);
  await swarm.updateIs('web', 'completed');
  await eventually('the new one speaks', async () =>
    (await ok(['service', 'logs', '--raw', 'web'])).includes('slot 1 v2'),
  );
  await ok(['service', 'rollback', '-d', 'web']);
  await swarm.updateIs('web', 'rollback_completed');
  assert.match((await swarm.inspect<string[]>('web', '.Spec.TaskTemplate.ContainerSpec.Env')).join(), /V=1/);
  await ok(['service', 'rm', 'web'], { timeoutMs: 120_000 });
  assert.equal(await ok(['ps', '-aq']), '');
});

test('an update that fails stops, or goes back', async () => {
  const make = [
    'service',
    'create',
    '-d',
    ...soon,
    '--update-failure-action',
    'rollback',
    '--name',
    'careful',
  ];
  await ok([...make, '--restart-delay', '1s', image, 'sleep', '100000']);
  await swarm.runs('careful', 1);
  await ok(['service', 'update', '-d', '--args', 'false', 'careful']);
  await swarm.updateIs('careful', 'rollback_completed');
  await swarm.runs('careful', 1);
  assert.deepEqual(await swarm.inspect('careful', '.Spec.TaskTemplate.ContainerSpec.Args'), [
    'sleep',
    '100000',
  ]);
  await ok(['service', 'rm', 'careful'], { timeoutMs: 120_000 });
});

test('an update behind a published port drops no request', async () => {
  const port = await freePort();
  const serve = 'mkdir /www; echo "$V" > /www/index.html; exec httpd -f -p 80 -h /www';
  await ok(
    [
      'service',
      'create',
      '-d',
      '--name',
      'shop',
      '--replicas',
      '2',
      '--publish',
      `${port}:80`,
      '--env',
      'V=1',
    ]
      .concat(['--update-order', 'start-first', '--update-monitor', '1s', '--stop-grace-period', '3s'])
      .concat(['--health-cmd', 'wget -q -O /dev/null http://127.0.0.1/', '--health-interval', '1s'])
      .concat(['--health-timeout', '60s', image, 'sh', '-c', serve]),
  );
  await swarm.runs('shop', 2);
  assert.match(await ok(['service', 'ls', '--format', '{{.Ports}}']), new RegExp(`\\*:${port}->80/tcp`));
  const ask = async (): Promise<string> => {
    const reply = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
    assert.equal(reply.status, 200);
    return (await reply.text()).trim();
  };
  await eventually('it answers', async () => (await ask()) === '1', 60_000);
  const seen: string[] = [];
  const failures: unknown[] = [];
  let going = true;
  const client = (async () => {
    while (going) {
      await ask().then(
        (text) => seen.push(text),
        (error: unknown) => failures.push(error),
      );
    }
  })();
  try {
    await ok(['service', 'update', '-d', '--env-add', 'V=2', 'shop']);
    await swarm.updateIs('shop', 'completed');
    await eventually(
      'only new ones answer',
      async () => seen.slice(-8).length === 8 && seen.slice(-8).every((v) => v === '2'),
      60_000,
    );
  } finally {
    going = false;
    await client;
  }
  assert.deepEqual(failures, []);
  await swarm.cloud.fails(
    ['service', 'create', '--name', 'other', '--publish', `${port}:80`, image, 'true'],
    /already in use by service 'shop'/,
  );
  await ok(['service', 'rm', 'shop'], { timeoutMs: 120_000 });
});

test('one on every node, and jobs', async () => {
  await ok([
    'service',
    'create',
    '-d',
    '--name',
    'agent',
    '--mode',
    'global',
    ...soon,
    image,
    'sleep',
    '100000',
  ]);
  await swarm.runs('agent', 1);
  const told = await ok(
    [
      'service',
      'create',
      '--name',
      'sums',
      '--mode',
      'replicated-job',
      '--replicas',
      '2',
      '--max-concurrent',
      '1',
    ].concat([image, 'echo', 'sum']),
    { timeoutMs: 180_000 },
  );
  assert.match(told, /job complete/);
  const list = await ok(['service', 'ls', '--filter', 'name=sums', '--format', '{{.Mode}} {{.Replicas}}']);
  assert.match(list, /^replicated job 0\/\d \(2\/2 completed\)$/);
  assert.equal(await ok(['service', 'logs', '--raw', 'sums']), 'sum\nsum');
  await ok(['service', 'rm', 'agent', 'sums'], { timeoutMs: 120_000 });
  assert.equal(await ok(['ps', '-aq']), '');
});

test('a volume for each task, and a task that was unhealthy', async () => {
  const check = ['--health-cmd', 'cat /x/ok', '--health-interval', '1s', '--health-timeout', '60s'];
  await ok(
    [
      'service',
      'create',
      '-d',
      '--name',
      'each',
      '--replicas',
      '2',
      ...soon,
      ...check,
      '--health-retries',
      '1',
    ]
      .concat(['--restart-delay', '1s', '--mount', 'type=volume,source=each-{{.Task.Slot}},target=/x'])
      .concat([image, 'sh', '-c', 'touch /x/ok; exec sleep 100000']),
  );
  const [first] = await swarm.runs('each', 2);
  const volumes = await ok(['volume', 'ls', '--filter', 'name=each-', '--format', '{{.Name}}']);
  assert.deepEqual(volumes.split('\n').sort(), ['each-1', 'each-2']);
  await ok(['exec', `${first?.name}.${first?.id}`, 'rm', '/x/ok']);
  const ended = await eventually(
    'it has failed',
    async () => (await swarm.tasks('each')).find(({ state }) => state.startsWith('Failed')),
    60_000,
  );
  assert.match(ended.error, /non-zero exit \(\d+\): dockerexec: unhealthy container/);
  await ok(['service', 'rm', 'each'], { timeoutMs: 120_000 });
  await ok(['volume', 'rm', 'each-1', 'each-2']);
});

test('secrets and configs: content, owner, mode, and templates', async () => {
  const create = (what: string, name: string, text: string, ...more: string[]): Promise<string> =>
    ok([what, 'create', ...more, name, '-'], { input: text });
  await create('secret', 'key', 'hush');
  await create(
    'config',
    'page',
    'on {{.Node.Hostname}} for {{.Service.Name}}: {{secret "code"}} {{env "V"}}\n',
    ...['--template-driver', 'golang'],
  );
  await ok(
    ['service', 'create', '-d', '--name', 'reader', ...soon, '--env', 'V=7']
      .concat([
        '--secret',
        'source=key,target=code,uid=12,gid=34,mode=0400',
        '--config',
        'source=page,target=/etc/page',
      ])
      .concat([image, 'sh', '-c', 'stat -c "%a %u:%g" /run/secrets/code; cat /etc/page; sleep 100000']),
  );
  const said = await eventually(
    'it has read them',
    async () => {
      const text = await ok(['service', 'logs', '--raw', 'reader']);
      return text.split('\n').length === 2 ? text : undefined;
    },
    120_000,
  );
  const host = await ok(['info', '--format', '{{.Name}}']);
  assert.equal(said, `400 12:34\non ${host} for reader: hush 7`);
  await swarm.cloud.fails(['secret', 'rm', 'key'], /in use by the following service: reader/);
});

test('tasks: inspect, logs, node ps', async () => {
  const [task] = await swarm.runs('reader', 1);
  const { id = '', name } = task ?? {};
  const seen = JSON.parse(await ok(['inspect', '--type', 'task', id])) as [
    { Slot: number; Status: { State: string; ContainerStatus: { ContainerID: string } } },
  ];
  assert.deepEqual([seen[0].Slot, seen[0].Status.State], [1, 'running']);
  assert.equal(
    await ok(['inspect', '--format', '{{.Id}}', `${name}.${id}`]),
    seen[0].Status.ContainerStatus.ContainerID,
  );
  assert.match(await ok(['service', 'logs', '--raw', '--tail', '1', id]), /^on .* for reader: hush 7$/);
  assert.match(await ok(['service', 'ps', '--no-trunc', 'reader']), new RegExp(`^${id} +reader\\.1 `, 'm'));
  assert.match(await ok(['node', 'ps', 'self', '--format', '{{.Name}}']), /^reader\.1$/m);
  await swarm.cloud.fails(['service', 'create', '-d', '--name', 'reader', image], /already exists/);
  await ok([
    'service',
    'update',
    '-d',
    '--label-add',
    'a=b',
    '--update-failure-action',
    'continue',
    'reader',
  ]);
  await ok(['service', 'update', '-d', '--rollback', 'reader']);
  assert.deepEqual(await swarm.inspect('reader', '.Spec.Labels'), {});
  const follower = spawn('docker', ['service', 'logs', '-f', '--raw', 'reader'], { env: swarm.cloud.env });
  let heard = '';
  for await (const chunk of follower.stdout) {
    heard += chunk;
    if (heard.includes('for reader')) follower.kill();
  }
  assert.match(heard, /400 12:34\non .* for reader: hush 7/);
  await ok(['service', 'rm', 'reader'], { timeoutMs: 120_000 });
  await ok(['secret', 'rm', 'key']);
  await ok(['config', 'rm', 'page']);
});

test('a port of each task’s own host, and a job on each', async () => {
  const port = await freePort();
  await ok(
    [
      'service',
      'create',
      '-d',
      '--name',
      'own',
      ...soon,
      '--publish',
      `mode=host,published=${port},target=80`,
    ].concat([image, 'sh', '-c', 'mkdir /www; echo mine > /www/index.html; exec httpd -f -p 80 -h /www']),
  );
  await ok(['service', 'create', '-d', '--name', 'once', '--mode', 'global-job', image, 'echo', 'done']);
  await swarm.runs('own', 1);
  await eventually(
    'it answers at its host',
    async () => (await (await fetch(`http://127.0.0.1:${port}/`)).text()) === 'mine\n',
    60_000,
  );
  assert.match(
    await ok(['service', 'ps', 'own', '--format', '{{.Ports}}']),
    new RegExp(`\\*:${port}->80/tcp`),
  );
  await eventually(
    'the job is done',
    async () =>
      (await ok(['service', 'ls', '--filter', 'name=once', '--format', '{{.Mode}} {{.Replicas}}'])) ===
      'global job 0/0 (1/1 completed)',
    120_000,
  );
  assert.equal(await ok(['service', 'logs', '--raw', 'once']), 'done');
  await ok(['service', 'rm', 'own', 'once'], { timeoutMs: 120_000 });
});

test('an image that is not there: its tasks are rejected with the reason, and run once it is', async () => {
  const { cloud } = swarm;
  const make = ['service', 'create', '-d', '--name', 'late', ...soon, '--restart-delay', '500ms'];
  const missing = '127.0.0.1:1/none:1';
  const { code, stderr } = await cloud.docker([...make, missing, 'sleep', '1000']);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /image 127\.0\.0\.1:1\/none:1 could not be accessed on a registry to record/);
  const rejected = await eventually('a task is rejected', async () =>
    (await swarm.tasks('late')).find(({ state }) => state.startsWith('Rejected')),
  );
  assert.equal(rejected.error, `"No such image: ${missing}"`);
  await ok(['tag', image, missing]);
  await swarm.runs('late', 1);
  await ok(['service', 'rm', 'late'], { timeoutMs: 120_000 });
  await ok(['rmi', missing]);
});

test('bad wishes are refused by name, and make nothing', async () => {
  const { cloud } = swarm;
  const create = ['service', 'create', '-d', '--name', 'x'];
  await cloud.fails([...create, '--isolation', 'hyperv', image], /Isolation is not supported/);
  await cloud.fails(
    [...create, '--constraint', 'node.ip==10.0.0.1', image],
    /constraint on node\.ip is not supported/,
  );
  await cloud.fails([...create, '--network', 'nosuch', image], /nosuch/);
  await cloud.fails(
    [...create, '--env', 'A={{.Task.Nosuch}}', image],
    /\{\{\.Task\.Nosuch\}\} is not supported/,
  );
  await cloud.fails(['service', 'update', '-d', 'nosuch'], /nosuch not found/);
  assert.equal(await ok(['service', 'ls', '-q']), '');
});
