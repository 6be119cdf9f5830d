import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { image, TestCloud } from './harness/cloud.ts';
import { TestRegistry } from './harness/registry.ts';

const login = { name: 'me', password: 'a secret' };
let cloud: TestCloud;
let open: TestRegistry;
let locked: TestRegistry;
before(async () => {
  cloud = await TestCloud.start();
  open = await TestRegistry.start(join(cloud.dir, 'registry'));
  locked = await TestRegistry.start(join(cloud.dir, 'locked'), login);
});
after(async () => {
  await open.stop();
  await locked.stop();
  await cloud.stop();
});

test('push, remove, pull back, run', async () => {
  const name = `${open.host}/some/where:v1`;
  const id = await cloud.ok(['images', '-q', '--no-trunc', image]);
  await cloud.ok(['tag', image, name]);
  const pushed = await cloud.ok(['push', name]);
  const digest = /v1: digest: (sha256:[0-9a-f]{64}) size: \d+/.exec(pushed)?.[1];
  assert.ok(digest, pushed);
  await cloud.ok(['save', '-o', join(cloud.dir, 'kept.tar'), image]);
  await cloud.ok(['rmi', name, image]);
  assert.equal(await cloud.ok(['images', '-q']), '');
  const pulled = await cloud.ok(['pull', name]);
  assert.match(pulled, new RegExp(`Digest: ${digest}\nStatus: Downloaded newer image for ${name}`));
  assert.equal(await cloud.ok(['images', '-q', '--no-trunc', name]), id);
  assert.match(await cloud.ok(['pull', name]), /Status: Image is up to date/);
  assert.equal(await cloud.ok(['run', '--rm', name, 'echo', 'pulled']), 'pulled');
  await cloud.ok(['rmi', name]);
  const byDigest = `${open.host}/some/where@${digest}`;
  assert.equal(await cloud.ok(['run', '--rm', byDigest, 'echo', 'by digest']), 'by digest');
  await cloud.ok(['rmi', byDigest]);
  await cloud.ok(['load', '-i', join(cloud.dir, 'kept.tar')]);
});

test('all tags of a repository go and come, and the registry tells what a name stands for', async () => {
  const name = `${open.host}/many`;
  for (const tag of ['one', 'two']) await cloud.ok(['tag', image, `${name}:${tag}`]);
  const pushed = await cloud.ok(['push', '-a', name]);
  const digest = /two: digest: (sha256:[0-9a-f]{64})/.exec(pushed)?.[1];
  assert.match(pushed, /one: digest/);
  await cloud.ok(['rmi', `${name}:one`, `${name}:two`]);
  const remote = await cloud.dockerode().getImage(`${name}:two`).distribution();
  assert.equal(remote.Descriptor.digest, digest);
  assert.deepEqual(remote.Platforms, [{ architecture: 'amd64', os: 'linux' }]);
  await assert.rejects(cloud.dockerode().getImage(`${name}:three`).distribution(), { statusCode: 404 });
  await cloud.ok(['pull', '-a', name]);
  const tags = await cloud.ok(['images', '--format', '{{.Tag}}', name]);
  assert.deepEqual(tags.split('\n').sort(), ['one', 'two']);
  await cloud.ok(['rmi', `${name}:one`, `${name}:two`]);
});

test('what isn’t there is said in Docker’s words', async () => {
  await cloud.fails(
    ['pull', `${open.host}/some/where:nope`],
    /manifest for .*where:nope not found.*manifest unknown/,
  );
  await cloud.fails(['pull', `${open.host}/no/repository`], /not found|repository name not known/);
  await cloud.fails(['push', `${open.host}/never/tagged`], /An image does not exist locally with the tag/);
  await cloud.fails(['pull', '127.0.0.1:1/x'], /connection refused|ECONNREFUSED/i);
});

test('a registry that asks who one is', async () => {
  const name = `${locked.host}/private:v1`;
  await cloud.ok(['tag', image, name]);
  await cloud.fails(['push', name], /unauthorized|no basic auth credentials|authentication required/);
  const enter = (password: string): ReturnType<TestCloud['docker']> =>
    cloud.docker(['login', '-u', login.name, '--password-stdin', locked.host], { input: password });
  const refused = await enter('wrong');
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /unauthorized|incorrect username or password/i);
  assert.match((await enter(login.password)).stdout, /Login Succeeded/);
  await cloud.ok(['push', name]);
  await cloud.ok(['rmi', name]);
  await cloud.ok(['pull', name]);
  await cloud.ok(['logout', locked.host]);
  await cloud.ok(['rmi', name]);
  await cloud.fails(['pull', name], /unauthorized|no basic auth credentials|authentication required/);
});

test('a truncated layer is refused by name, and leaves nothing', async () => {
  const name = `${open.host}/cut:v1`;
  const made = await cloud.sh('echo new > /layer');
  await cloud.ok(['wait', made]);
  await cloud.ok(['commit', made, name]);
  await cloud.ok(['rm', made]);
  await cloud.ok(['push', name]);
  await cloud.ok(['rmi', '-f', name, image]);
  const layers = (): Promise<string> => cloud.ok(['system', 'df', '--format', '{{.Type}} {{.Size}}']);
  const before = await layers();
  open.truncateBlobs(100_000);
  await cloud.fails(['pull', name], /blob sha256:[0-9a-f]{64}: .*(fewer bytes|of \d+ bytes)|digest/);
  assert.equal(await cloud.ok(['images', '-aq']), '');
  assert.equal(await layers(), before);
  await cloud.ok(['load', '-i', join(cloud.dir, 'kept.tar')]);
  assert.equal(await cloud.ok(['run', '--rm', image, 'echo', 'still']), 'still');
});
