import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { image } from './harness/cloud.ts';
import { eventually } from './harness/command.ts';
import { TestSwarm } from './harness/swarm.ts';

let swarm: TestSwarm;
before(async () => {
  swarm = await TestSwarm.start();
});
after(() => swarm.stop());

const ok: TestSwarm['cloud']['ok'] = (args, options) => swarm.cloud.ok(args, options);

/** A web server that shows a config, and a client that knows a secret and asks the server by its name. */
function composeFile(clients: number): string {
  const path = join(swarm.cloud.dir, 'stack.yaml');
  writeFileSync(join(swarm.cloud.dir, 'page.txt'), 'hello of the stack\n');
  writeFileSync(join(swarm.cloud.dir, 'key.txt'), 'hush');
  const stack = {
    version: '3.8',
    services: {
      web: {
        image,
        command: ['httpd', '-f', '-p', '80', '-h', '/www'],
        configs: [{ source: 'page', target: '/www/index.html' }],
        networks: ['front'],
        stop_grace_period: '1s',
      },
      client: {
        image,
        command: [
          'sh',
          '-c',
          'while :; do wget -q -O - http://web/ && cat /run/secrets/key && echo && sleep 100000; sleep 1; done',
        ],
        secrets: ['key'],
        networks: ['front'],
        stop_grace_period: '1s',
        deploy: { replicas: clients, labels: { role: 'client' } },
      },
    },
    networks: { front: {} },
    configs: { page: { file: './page.txt' } },
    secrets: { key: { file: './key.txt' } },
  };
  // JSON is YAML.
  writeFileSync(path, JSON.stringify(stack));
  return path;
}

test('a compose file becomes a stack whose services find each other', async () => {
  await ok(['stack', 'deploy', '--detach=true', '-c', composeFile(1), 'app'], { timeoutMs: 120_000 });
  assert.equal(await ok(['stack', 'ls', '--format', '{{.Name}} {{.Services}}']), 'app 2');
  await swarm.runs('app_web', 1);
  await swarm.runs('app_client', 1);
  const said = await eventually(
    'the client has read what it should',
    async () => {
      const text = await ok(['service', 'logs', '--raw', 'app_client']);
      return text.includes('hush') ? text : undefined;
    },
    120_000,
  );
  assert.match(said, /hello of the stack\nhush/);
  const names = await ok(['stack', 'services', '--format', '{{.Name}} {{.Replicas}}', 'app']);
  assert.deepEqual(names.split('\n').sort(), ['app_client 1/1', 'app_web 1/1']);
  const networks = await ok(['network', 'ls', '-f', 'scope=swarm', '--format', '{{.Name}} {{.Driver}}']);
  assert.deepEqual(networks.split('\n').sort(), ['app_front overlay', 'ingress overlay']);
  const tasks = await ok(['stack', 'ps', '--format', '{{.Name}} {{.DesiredState}}', 'app']);
  assert.deepEqual(tasks.split('\n').sort(), ['app_client.1 Running', 'app_web.1 Running']);
});

test('what it uses can’t be removed', async () => {
  await swarm.cloud.fails(['secret', 'rm', 'app_key'], /in use by.*app_client/);
  await swarm.cloud.fails(['config', 'rm', 'app_page'], /in use by.*app_web/);
});

test('deployed again, only what changed changes', async () => {
  const before = (await swarm.runs('app_web', 1))[0]?.id;
  await ok(['stack', 'deploy', '--detach=true', '-c', composeFile(2), 'app'], { timeoutMs: 120_000 });
  await swarm.runs('app_client', 2);
  assert.equal((await swarm.runs('app_web', 1))[0]?.id, before);
});

test('removed, nothing of it is left', async () => {
  await ok(['stack', 'rm', 'app'], { timeoutMs: 120_000 });
  for (const list of [
    ['service', 'ls', '-q'],
    ['secret', 'ls', '-q'],
    ['config', 'ls', '-q'],
    ['ps', '-aq'],
    ['network', 'ls', '-q', '--filter', 'name=app_front'],
  ]) {
    assert.equal(await ok(list), '', list.join(' '));
  }
});
