import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { type FakePrograms, HostWorld } from '@kraud/testkit';
import type { HostApi } from '../contract.ts';
import { LinkPair } from './testing/link-pair.ts';

const programs: FakePrograms = {
  echo: ({ args, write }) => {
    write(`${args.slice(1).join(' ')}\n`);
    write('and an error\n', 2);
    return 0;
  },
  sleep: ({ killed }) => killed,
  cat: async ({ stdin, write }) => {
    for await (const chunk of stdin) write(chunk.toString());
    write('the end\n');
    return 0;
  },
};

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

interface Opened extends AsyncDisposable {
  readonly world: HostWorld;
  readonly host: HostApi;
}

const ways: Record<string, (world: HostWorld) => Promise<{ host: HostApi; close: () => Promise<void> }>> = {
  'asked itself': async (world) => ({ host: world.agent, close: async () => {} }),
  'asked through the link': async (world) => {
    const pair = await LinkPair.open(world.agent);
    return { host: pair.far, close: () => pair[Symbol.asyncDispose]() };
  },
};

/** One suite for the agent and for its twin behind a connection: a caller can't tell them apart. */
for (const [way, open] of Object.entries(ways)) {
  const opened = async (): Promise<Opened> => {
    const world = new HostWorld({ programs });
    await world.boot();
    const { host, close } = await open(world);
    return {
      world,
      host,
      [Symbol.asyncDispose]: async () => {
        await close();
        await world[Symbol.asyncDispose]();
      },
    };
  };
  const never = new AbortController().signal;

  test(`${way}: output, kept and followed`, async () => {
    await using at = await opened();
    const { meta } = await at.world.create('a', ['echo', 'hi']);
    const query = { stdout: true, stderr: true, from: 'start', follow: 'run' } as const;
    const following = all(await at.host.output(meta.uid, 'main', query, never));
    await at.world.start('a');
    const entries = await following;
    assert.deepEqual(
      entries.map(({ stream, data }) => [stream, data.toString()]),
      [
        ['stdout', 'hi\n'],
        ['stderr', 'and an error\n'],
      ],
    );
    const sinceNs = entries[1]?.timeNs ?? 0n;
    const late = await all(
      await at.host.output(meta.uid, 'main', { ...query, follow: 'no', sinceNs, stdout: false }, never),
    );
    assert.deepEqual(
      late.map(({ timeNs }) => timeNs),
      [sinceNs],
    );
  });

  test(`${way}: whoever stops following by a signal gets its reason`, async () => {
    await using at = await opened();
    const { meta } = await at.world.create('a', ['sleep']);
    await at.world.start('a');
    const stop = new AbortController();
    const query = { stdout: true, stderr: true, from: 'end', follow: 'run' } as const;
    const following = all(await at.host.output(meta.uid, 'main', query, stop.signal));
    setTimeout(() => stop.abort(), 50);
    // Ends, by the reason or without one.
    await following.catch((error: unknown) => assert.equal(error, stop.signal.reason));
  });

  test(`${way}: stdin that is ended ends the program's, one that is destroyed only detaches`, async () => {
    await using at = await opened();
    const { meta } = await at.world.create('a', ['cat'], { container: { stdin: true } });
    const first = await at.host.stdin(meta.uid, 'main');
    await new Promise<void>((resolve) => {
      void at.world.start('a');
      first.write('one ', () => resolve());
    });
    first.destroy();
    const second = await at.host.stdin(meta.uid, 'main');
    await new Promise<void>((resolve) => second.end('two ', () => resolve()));
    await at.world.until('a', (pod) => pod?.status.phase === 'exited');
    assert.equal(await at.world.output('a'), 'one two the end\n');
  });

  test(`${way}: a container without stdin says so`, async () => {
    await using at = await opened();
    const { meta } = await at.world.create('a', ['cat']);
    await assert.rejects(at.host.stdin(meta.uid, 'main'), {
      code: 'conflict',
      message: `container ${meta.uid} has no open stdin`,
    });
  });

  test(`${way}: exec`, async () => {
    await using at = await opened();
    const { meta } = await at.world.create('a', ['sleep']);
    await at.world.start('a');
    await at.world.until('a', (pod) => pod?.status.phase === 'running');
    const spec = { env: [], cwd: '', user: '', tty: false, stdin: true, privileged: false };
    const session = await at.host.exec(meta.uid, 'main', { ...spec, args: ['exit', '3'] });
    assert.equal(session.pid, 7);
    const output = await all(session.output());
    assert.deepEqual(
      output.map(({ stream, data }) => [stream, data.toString()]),
      [['stdout', 'exit 3\n']],
    );
    assert.deepEqual(await session.exit, { code: 3 });
    await session.resize({ rows: 1, cols: 2 });
  });

  test(`${way}: what does not run, and what is not there, is told alike`, async () => {
    await using at = await opened();
    const { meta } = await at.world.create('a', ['sleep']);
    const spec = { env: [], cwd: '', user: '', tty: false, stdin: true, privileged: false, args: ['x'] };
    const notRunning = { code: 'conflict', message: `container ${meta.uid} is not running` };
    await assert.rejects(at.host.exec(meta.uid, 'main', spec), notRunning);
    await assert.rejects(at.host.stats(meta.uid, 'main'), notRunning);
    await assert.rejects(at.host.kill(meta.uid, 'main', 9), notRunning);
    await assert.rejects(at.host.top('nobody', 'main'), { code: 'not-found' });
    await assert.rejects(at.host.archiveGet('nobody', 'main', '/', never), { code: 'not-found' });
    const query = { stdout: true, stderr: true, from: 'start', follow: 'no' } as const;
    await assert.rejects(at.host.output('nobody', 'main', query, never), {
      code: 'not-found',
    });
    const tar = Readable.from([Buffer.from('x')]);
    const options = { noOverwriteDirNonDir: false, copyUidGid: false };
    await assert.rejects(at.host.archivePut('nobody', 'main', '/', tar, options), { code: 'not-found' });
  });

  test(`${way}: questions with one answer`, async () => {
    await using at = await opened();
    const { meta } = await at.world.create('a', ['sleep']);
    await at.world.start('a');
    await at.world.until('a', (pod) => pod?.status.phase === 'running');
    const { agent } = at.world;
    const stats = await at.host.stats(meta.uid, 'main');
    assert.deepEqual({ ...(await agent.stats(meta.uid, 'main')), readAtMs: 0 }, { ...stats, readAtMs: 0 });
    assert.deepEqual(await at.host.top(meta.uid, 'main'), await agent.top(meta.uid, 'main'));
    assert.deepEqual(await at.host.facts(), await agent.facts());
    assert.deepEqual(await at.host.size(meta.uid, 'main'), await agent.size(meta.uid, 'main'));
    const id = `sha256:${'a'.repeat(64)}`;
    assert.deepEqual(await at.host.images.facts(id), await agent.images.facts(id));
    assert.deepEqual(await at.host.images.usage(), { layersBytes: 0, images: {} });
    await at.host.resize(meta.uid, 'main', { rows: 3, cols: 4 });
    await at.host.update(meta.uid, 'main', { memoryBytes: 1 });
    await at.host.images.prepare(id);
    const key = { tenant: 'default', name: 'data' };
    await at.host.volumes.create(key, { sizeBytes: 1 });
    assert.equal(await at.host.volumes.path(key), '/volumes/default/data');
    assert.equal(await at.host.volumes.usage(key), 0);
    await at.host.volumes.remove(key);
    await at.host.kill(meta.uid, 'main', 15);
    await at.world.until('a', (pod) => pod?.status.phase === 'exited');
  });

  test(`${way}: files in and out, and an image made of them`, async () => {
    await using at = await opened();
    const { meta } = await at.world.create('a', ['sleep']);
    const { stat, tar } = await at.host.archiveGet(meta.uid, 'main', '/etc', never);
    assert.equal(stat.name, '/etc');
    assert.equal(await text(tar), '/etc');
    assert.deepEqual(await at.host.archiveStat(meta.uid, 'main', '/etc'), stat);
    const put = { noOverwriteDirNonDir: true, copyUidGid: false };
    await at.host.archivePut(meta.uid, 'main', '/', Readable.from([Buffer.alloc(3_000_000)]), put);
    assert.equal(await text(await at.host.export(meta.uid, 'main', never)), 'root');
    assert.deepEqual(await at.host.changes(meta.uid, 'main'), [{ path: '/made', kind: 'added' }]);
    const made = { pause: true, author: '', message: '', changes: [], config: { env: ['A=1'] } };
    assert.match(await at.host.commit(meta.uid, 'main', made), /^sha256:/);
    assert.deepEqual(at.world.images.committed, ['upper']);
  });

  test(`${way}: an upload that breaks off fails, and its reader is told`, async () => {
    await using at = await opened();
    const { meta } = await at.world.create('a', ['sleep']);
    const tar = new PassThrough();
    const put = { noOverwriteDirNonDir: true, copyUidGid: false };
    const done = at.host.archivePut(meta.uid, 'main', '/', tar, put);
    tar.write('some');
    setTimeout(() => tar.destroy(new Error('the client went away')), 20);
    await assert.rejects(done);
  });
}
