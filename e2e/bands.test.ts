import assert from 'node:assert/strict';
import { totalmem } from 'node:os';
import { after, before, test } from 'node:test';
import { image, TestCloud } from './harness/cloud.ts';
import { eventually } from './harness/command.ts';

let cloud: TestCloud;
before(async () => {
  cloud = await TestCloud.start({ cradle: { warmMax: 1 } });
});
after(async () => {
  await cloud?.stop();
});

async function told(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cloud.kra(...args);
  assert.equal(code, 0, `kra ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Sleeps in a way that a stop ends at once. */
const forever = ['sh', '-c', 'trap exit TERM; while :; do sleep 1; done'];

test('a tenant is held to its quota of a band, by name', async () => {
  await told('quota', 'set', 'default', '--band', 'batch', '--pods', '1', '--cpus', '4');
  const batch = ['--label', 'kr.band=batch'];
  await cloud.ok(['run', '-d', '--name', 'job1', ...batch, image, ...forever]);
  await cloud.fails(
    ['create', '--name', 'job2', ...batch, image, ...forever],
    /exceeded quota of band batch: pods: asked 1, used 1, limit 1/,
  );
  await cloud.ok(['run', '--rm', image, 'true']);
  assert.match(await told('quota', 'ls'), /default +batch +1 of 4 +.* of any +1 of 1/);
  await cloud.fails(['run', '--label', 'kr.band=gold', image], /unknown band 'gold'/);
  await told('quota', 'set', 'default', '--band', 'batch');
  await cloud.ok(['create', '--name', 'job2', ...batch, image, ...forever]);
  await told('quota', 'set', 'default', '--band', 'batch', '--pods', '1');
  await cloud.fails(['start', 'job2'], /exceeded quota of band batch: pods: asked 1, used 1, limit 1/);
  await cloud.ok(['restart', '-t', '0', 'job1']);
  await cloud.ok(['rm', '-f', 'job1', 'job2']);
  await told('quota', 'set', 'default', '--band', 'batch');
  const { code, stderr } = await cloud.kra('quota', 'set', 'default', '--band', 'gold', '--pods', '1');
  assert.equal(code, 1);
  assert.match(stderr, /unknown band 'gold'/);
});

test('a service takes the room of a weaker one, and gives it back', async () => {
  const most = `${Math.floor((totalmem() * 0.7) / 2 ** 20)}m`;
  await cloud.ok(['swarm', 'init']);
  const service = (name: string, band: string): string[] => [
    ...['service', 'create', '--detach', '--name', name, '--reserve-memory', most],
    ...['--container-label', `kr.band=${band}`, image, ...forever],
  ];
  const running = async (name: string): Promise<string> =>
    await cloud.ok([
      'ps',
      '--filter',
      `label=com.docker.swarm.service.name=${name}`,
      '--format',
      '{{.Names}}',
    ]);
  await cloud.ok(service('weak', 'batch'));
  await eventually('the weak one runs', async () => (await running('weak')) !== '', 120_000);
  await cloud.ok(service('strong', 'production'));
  await eventually('the strong one runs', async () => (await running('strong')) !== '', 120_000);
  assert.equal(await running('weak'), '');
  const why = await told('why', await running('strong'));
  assert.match(why, /: (running|slow)\n/);
  const all = await cloud.ok([
    'ps',
    '-a',
    '--filter',
    'label=com.docker.swarm.service.name=weak',
    '--format',
    '{{.Names}}',
  ]);
  const said = await Promise.all(all.split('\n').map((name) => told('why', name)));
  assert.match(said.join('\n'), /its room on .* was taken by pod strong\S* \(production\)/);
  assert.match(said.join('\n'), /: pending\n.*lacks memory/);
  await told('quota', 'set', 'default', '--band', 'production', '--pods', '1');
  await cloud.fails(
    ['service', 'scale', '--detach', 'strong=2'],
    /exceeded quota of band production: pods: asked 2, used 0, limit 1/,
  );
  await told('quota', 'set', 'default', '--band', 'production');
  await cloud.ok(['service', 'rm', 'strong']);
  await eventually('the weak one is back', async () => (await running('weak')) !== '', 120_000);
  await cloud.ok(['service', 'rm', 'weak']);
  await eventually('all is gone', async () => (await cloud.ok(['ps', '-aq'])) === '', 120_000);
});
