import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { image, TestCloud } from './harness/cloud.ts';

let cloud: TestCloud;
before(async () => {
  cloud = await TestCloud.start();
});
after(() => cloud.stop());

test('images, tag, rmi', async () => {
  const id = await cloud.ok(['images', '-q', '--no-trunc', image]);
  await cloud.ok(['tag', image, 'other/name:v1']);
  assert.equal(await cloud.ok(['images', '-q', '--no-trunc', 'other/name']), id);
  assert.match(await cloud.ok(['rmi', 'other/name:v1']), /Untagged: other\/name:v1/);
  assert.equal(await cloud.ok(['images', '-q', 'other/name']), '');
  await cloud.fails(['rmi', 'nosuch'], /No such image: nosuch:latest/);
  await cloud.fails(['tag', image, 'BAD'], /must be lowercase|invalid/);
});

test('save and load give the same image', async () => {
  const id = await cloud.ok(['images', '-q', '--no-trunc', image]);
  const { raw } = await cloud.docker(['save', image]);
  await cloud.ok(['rmi', image]);
  const loaded = await cloud.docker(['load'], { input: raw });
  assert.match(loaded.stdout, /Loaded image: busybox:latest/);
  assert.equal(await cloud.ok(['images', '-q', '--no-trunc', image]), id);
  assert.equal(await cloud.ok(['run', '--rm', image, 'echo', 'again']), 'again');
});

test('commit keeps what changed, with its config', async () => {
  const id = await cloud.sh('echo kept > /kept; rm /bin/yes');
  await cloud.ok(['wait', id]);
  await cloud.ok(['commit', '-m', 'why', '-c', 'CMD ["cat", "/kept"]', '-c', 'ENV X=y', id, 'committed']);
  assert.equal(await cloud.ok(['run', '--rm', 'committed']), 'kept');
  assert.equal(await cloud.ok(['run', '--rm', 'committed', 'sh', '-c', 'test -e /bin/yes || echo $X']), 'y');
  assert.match(await cloud.ok(['history', 'committed']), /why/);
  await cloud.ok(['rm', id]);
  await cloud.ok(['rmi', 'committed']);
});

test('an image in use isn’t removed', async () => {
  await cloud.ok(['tag', image, 'used']);
  const id = await cloud.ok(['create', '--name', 'user', 'used']);
  await cloud.ok(['rmi', 'used']);
  await cloud.fails(['rmi', image], /conflict/);
  await cloud.ok(['rm', id]);
});

test('a retagged name doesn’t change what runs', async () => {
  const id = await cloud.sh('echo $V; sleep 0', ['-e', 'V=old']);
  await cloud.ok(['wait', id]);
  const before = await cloud.inspect(id, '{{json .Image}}');
  await cloud.ok(['commit', '-c', 'ENV V=new', id, image]);
  await cloud.ok(['start', id]);
  await cloud.ok(['wait', id]);
  assert.equal(await cloud.inspect(id, '{{json .Image}}'), before);
  await cloud.ok(['rm', id]);
});

test('broken and hostile archives are refused, and leave nothing', async () => {
  const before = await cloud.ok(['images', '-aq']);
  const { raw } = await cloud.docker(['save', image]);
  await cloud.fails(['load', '-i', '/dev/null'], /./);
  writeFileSync(`${cloud.dir}/cut.tar`, raw.subarray(0, raw.length / 2));
  await cloud.fails(['load', '-i', `${cloud.dir}/cut.tar`], /./);
  const evil = `${cloud.dir}/evil`;
  const { run } = await import('./harness/command.ts');
  await run('sh', [
    '-c',
    `mkdir -p ${evil} && echo x > ${evil}/x && tar -P -C ${evil} -cf ${evil}.tar --transform 's|x|../../../../tmp/kraud-evil|' x`,
  ]);
  const refused = await cloud.docker(['import', '-'], { input: readFileSync(`${evil}.tar`) });
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /\.\./);
  assert.equal(await cloud.ok(['images', '-aq']), before);
});

test('prune, df and info count', async () => {
  await cloud.ok(['image', 'prune', '-f']);
  assert.match(await cloud.ok(['system', 'df']), /Images\s+\d+/);
  assert.match(await cloud.ok(['info', '--format', '{{.Images}} {{.Driver}}']), /^\d+ \S+/);
});
