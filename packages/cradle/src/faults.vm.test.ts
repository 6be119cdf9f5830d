import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SeededRandom } from '@kraud/base';
import { runScript, smallSize, startContainer, until, World, warmCount } from './testing/world.ts';

let world: World;
before(() => {
  world = new World();
});
after(() => {
  assert.deepEqual(world.leftovers(), []);
  world.remove();
});

const daemon = join(import.meta.dirname, 'testing/daemon.ts');

test('a killed VMM is reported with its reason, and nothing of it is left', async () => {
  const cradle = world.cradle();
  await cradle.start();
  const vm = await cradle.claim(world.spec());
  await startContainer(vm, ['/bin/sleep', '1000']);
  process.kill(vm.pid, 'SIGKILL');
  assert.deepEqual(await vm.exited, { reason: 'killed', detail: 'the VMM was killed (signal 9)' });
  await vm.stop();
  await assert.rejects(vm.reconnect(), { code: 'unavailable' });
  assert.deepEqual(world.leftovers(), []);
  await cradle.close({ keepRunning: false });
});

test('a warm slot that died while it waited is no harm to a claim', async () => {
  const cradle = world.cradle({ warmMax: 1 });
  await cradle.start();
  await until('a warm slot', () => warmCount(cradle) === 1);
  for (const name of readdirSync(join(world.dir, 'cradle/vms'))) {
    const record = JSON.parse(readFileSync(join(world.dir, 'cradle/vms', name, 'record.json'), 'utf8'));
    if (record.state === 'warm') process.kill(record.mark.pid, 'SIGKILL');
  }
  const vm = await cradle.claim(world.spec());
  assert.equal(await runScript(vm, 'echo out'), 'out\n');
  await cradle.close({ keepRunning: false });
  assert.deepEqual(world.leftovers(), []);
});

test('a template that was truncated or changed is made anew', async () => {
  const damage = [
    (dir: string) => truncateSync(join(dir, 'memory'), 1024 * 1024),
    (dir: string) => writeFileSync(join(dir, 'state'), Buffer.alloc(1000)),
    (dir: string) => writeFileSync(join(dir, 'manifest.json'), '{'),
  ];
  for (const break_ of damage) {
    const basis = join(world.dir, 'cradle/templates');
    for (const name of readdirSync(basis))
      for (const cls of readdirSync(join(basis, name))) break_(join(basis, name, cls));
    const cradle = world.cradle();
    await cradle.start();
    const vm = await cradle.claim(world.spec());
    assert.equal(await runScript(vm, 'echo out'), 'out\n');
    await cradle.close({ keepRunning: false });
  }
});

test('without QEMU the error says so', async () => {
  await assert.rejects(world.cradle({ vmmPath: '/nowhere/qemu' }).start(), {
    code: 'unavailable',
    message: /not installed/,
  });
});

test('host paths are shared live, with their owners; read-only ones stay so', async () => {
  const cradle = world.cradle();
  await cradle.start();
  const [open, closed] = [world.makeDir('open'), world.makeDir('closed')];
  writeFileSync(join(open, 'in'), 'from the host\n');
  writeFileSync(join(closed, 'file'), 'kept\n');
  chownSync(join(open, 'in'), 1234, 1234);
  const vm = await cradle.claim(
    world.spec({
      size: { ...smallSize, hostPaths: true },
      hostPaths: [
        { source: open, readOnly: false },
        { source: join(closed, 'file'), readOnly: true },
      ],
    }),
  );
  const text = await runScript(
    vm,
    'cat /o/in; stat -c %u /o/in; echo back > /o/out; cat /f; echo x > /f || echo refused; ls /o',
    {
      pod: { disks: [{ tag: 'hostpaths', at: 'hostpaths', type: '9p' }] },
      container: {
        mounts: [
          { type: 'host', source: 'hostpaths/0', target: '/o' },
          { type: 'host', source: 'hostpaths/1', target: '/f' },
        ],
      },
    },
  );
  assert.match(text, /from the host\n1234\nkept\n/);
  assert.match(text, /refused/);
  assert.equal(readFileSync(join(open, 'out'), 'utf8'), 'back\n');
  assert.equal(statSync(join(open, 'out')).uid, 0);
  assert.equal(readFileSync(join(closed, 'file'), 'utf8'), 'kept\n');
  await vm.stop();
  assert.deepEqual(world.leftovers(), []);
  assert.equal(readFileSync(join(open, 'in'), 'utf8'), 'from the host\n');
  await cradle.close({ keepRunning: false });
});

test('a killed daemon stops no pod: the next one takes it over', async () => {
  const spec = world.spec();
  const child = spawn(process.execPath, [daemon, world.dir, JSON.stringify(spec)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const cradle = world.cradle();
  const [kept, ...others] = await cradle.start();
  assert.equal(others.length, 0);
  const vm = await kept?.vm;
  assert.ok(vm);
  assert.deepEqual(vm.spec, spec);
  assert.equal((await vm.guest.container('main')).state, 'running');
  await assert.rejects(cradle.claim(spec), { code: 'conflict' });
  await vm.stop();
  await cradle.close({ keepRunning: false });
});

test('a daemon killed at any point of a launch leaves nothing that the next one does not remove', async () => {
  const seed = Number(process.env.KRAUD_SEED ?? 7);
  const random = new SeededRandom(seed);
  for (let round = 0; round < 6; round += 1) {
    const child = spawn(process.execPath, [daemon, world.dir, JSON.stringify(world.spec())], {
      stdio: 'ignore',
    });
    await until(
      'the launch begins',
      () => readdirSync(join(world.dir, 'cradle/vms')).length > 0 || child.exitCode !== null,
    );
    const killAtMs = Date.now() + random.below(200);
    await until('its time has come', () => Date.now() >= killAtMs);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const cradle = world.cradle();
    for (const kept of await cradle.start()) await (await kept.vm)?.kill();
    assert.deepEqual(world.leftovers(), [], `seed ${seed}, round ${round}`);
    await cradle.close({ keepRunning: false });
  }
});
