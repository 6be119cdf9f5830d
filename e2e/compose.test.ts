import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TestCloud } from './harness/cloud.ts';
import { run } from './harness/command.ts';

const compose = join(process.env.KRAUD_CACHE ?? '/var/cache/kraud', 'bin/docker-compose');

const project = `
name: shop
services:
  db:
    image: busybox
    command: ["sh", "-c", "trap 'exit 0' TERM; echo up > /data/up; echo db is up; while :; do sleep 1; done"]
    volumes: ["data:/data"]
    networks: [backend]
    secrets: [key]
    configs: [inline]
    healthcheck: { test: ["CMD", "cat", "/data/up"], interval: 1s, timeout: 60s, retries: 60 }
  web:
    image: busybox
    command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]
    depends_on: { db: { condition: service_healthy } }
    ports: ["127.0.0.1::80"]
    networks: { frontend: { aliases: [www] }, backend: {} }
    volumes: ["./site:/site:ro", "served:/served"]
    configs: [{ source: settings, target: /etc/settings }]
    links: ["db:store"]
    environment: ["COLOR=\${COLOR:-red}"]
  peek:
    image: busybox
    command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]
    depends_on: { db: { condition: service_healthy } }
    volumes: ["data:/seen:ro", "scratch:/scratch"]
  debug:
    image: busybox
    command: ["sleep", "1000"]
    profiles: [debug]
volumes:
  data: {}
  scratch: { driver_opts: { type: tmpfs, device: tmpfs, o: "size=2m,uid=7" } }
  served: { driver_opts: { type: none, o: bind, device: "\${SITE}" } }
networks: { frontend: {}, backend: { internal: true } }
secrets: { key: { file: ./key.txt } }
configs: { settings: { file: ./settings.conf }, inline: { content: "in the project" } }
`;

let cloud: TestCloud;
let dir = '';
before(async () => {
  cloud = await TestCloud.start();
  dir = join(cloud.dir, 'shop');
  mkdirSync(join(dir, 'site'), { recursive: true });
  writeFileSync(join(dir, 'site/index.html'), 'hello\n');
  writeFileSync(join(dir, 'key.txt'), 'hush\n');
  writeFileSync(join(dir, 'settings.conf'), 'color=red\n');
  writeFileSync(join(dir, 'compose.yaml'), project);
});
after(async () => {
  await cloud?.stop();
});

async function shop(args: string[], env: Record<string, string> = {}): Promise<string> {
  const all = ['-f', join(dir, 'compose.yaml'), '--progress', 'plain', ...args];
  const done = await run(compose, all, {
    env: { ...cloud.env, SITE: join(dir, 'site'), ...env },
    timeoutMs: 300_000,
  });
  assert.equal(done.code, 0, `compose ${args.join(' ')}: ${done.stderr}${done.stdout}`);
  return done.stdout;
}

const idOf = async (service: string): Promise<string> => (await shop(['ps', '-q', service])).trim();

test('a project comes up in order, is changed where it changed, and goes without a trace', async () => {
  await shop(['up', '-d']);
  assert.equal((await shop(['ps', '--services'])).trim(), 'db\npeek\nweb');
  const [db, web] = [await idOf('db'), await idOf('web')];
  assert.equal(await shop(['exec', '-T', 'db', 'cat', '/run/secrets/key']), 'hush\n');
  assert.equal(
    await shop(['exec', '-T', 'web', 'cat', '/etc/settings', '/site/index.html', '/served/index.html']),
    'color=red\nhello\nhello\n',
  );
  assert.match(await shop(['exec', '-T', 'web', 'nslookup', '-type=a', 'db']), /^Name:\s*db$/m);
  assert.match(await shop(['exec', '-T', 'web', 'nslookup', '-type=a', 'store']), /^Name:\s*store$/m);
  // A volume of two services, and one that is memory.
  assert.equal(await shop(['exec', '-T', 'peek', 'cat', '/seen/up']), 'up\n');
  await shop(['exec', '-T', 'db', 'sh', '-c', 'echo more > /data/more']);
  assert.equal(await shop(['exec', '-T', 'peek', 'cat', '/seen/more']), 'more\n');
  assert.match(
    await shop([
      'exec',
      '-T',
      'peek',
      'sh',
      '-c',
      'stat -c %u /scratch; df -m /scratch; touch /seen/x || echo no',
    ]),
    /^7\n[\s\S]* 2 [\s\S]*\nno\n$/,
  );
  // Written into a container that has been made and not started, which has the volume.
  assert.equal(await shop(['exec', '-T', 'db', 'cat', '/inline']), 'in the project');
  assert.match(await shop(['logs', 'db']), /db is up/);

  await shop(['up', '-d']);
  assert.deepEqual([await idOf('db'), await idOf('web')], [db, web]);
  await shop(['up', '-d'], { COLOR: 'blue' });
  assert.equal(await idOf('db'), db);
  assert.notEqual(await idOf('web'), web);
  assert.equal(await shop(['exec', '-T', 'web', 'sh', '-c', 'echo $COLOR']), 'blue\n');
  await shop(['restart', 'web'], { COLOR: 'blue' });
  assert.equal(await shop(['exec', '-T', 'web', 'sh', '-c', 'echo $COLOR']), 'blue\n');

  // The new one is given its file while the old one still has the volume.
  await shop(['up', '-d', '--force-recreate', '--no-deps', 'db']);
  assert.notEqual(await idOf('db'), db);
  assert.equal(await shop(['exec', '-T', 'db', 'cat', '/inline', '/data/up']), 'in the projectup\n');

  await shop(['down', '-v']);
  assert.equal(await cloud.ok(['ps', '-aq']), '');
  assert.equal(await cloud.ok(['volume', 'ls', '-q']), '');
  assert.equal(await cloud.ok(['network', 'ls', '-q', '--filter', 'type=custom']), '');
});
