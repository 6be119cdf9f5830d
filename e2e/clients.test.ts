import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { image, TestCloud } from './harness/cloud.ts';

let cloud: TestCloud;
before(async () => {
  cloud = await TestCloud.start();
});
after(() => cloud.stop());

test('dockerode: create, attach, start, wait, logs, inspect, remove', async () => {
  const docker = cloud.dockerode();
  const container = await docker.createContainer({
    Image: image,
    Cmd: ['sh', '-c', 'echo out; echo err >&2'],
    Tty: false,
  });
  const stream = await container.attach({ stream: true, stdout: true, stderr: true });
  const { PassThrough } = await import('node:stream');
  const [out, err] = [new PassThrough(), new PassThrough()];
  const text = { out: '', err: '' };
  out.on('data', (chunk) => {
    text.out += chunk;
  });
  err.on('data', (chunk) => {
    text.err += chunk;
  });
  docker.modem.demuxStream(stream, out, err);
  const ended = new Promise((resolve) => stream.once('end', resolve));
  await container.start();
  assert.deepEqual(await container.wait(), { StatusCode: 0 });
  await ended;
  assert.deepEqual(text, { out: 'out\n', err: 'err\n' });
  const info = await container.inspect();
  assert.equal(info.State.Status, 'exited');
  await container.remove();
  await assert.rejects(container.inspect(), { statusCode: 404 });
});

test('dockerode: exec, archive, volumes, networks, events', async () => {
  const docker = cloud.dockerode();
  const container = await docker.createContainer({ Image: image, Cmd: ['sleep', '1000'] });
  await container.start();
  const exec = await container.exec({ Cmd: ['sh', '-c', 'exit 3'], AttachStdout: true });
  const stream = await exec.start({});
  stream.resume();
  await new Promise((resolve) => stream.once('end', resolve));
  assert.equal((await exec.inspect()).ExitCode, 3);
  const archive = await container.getArchive({ path: '/bin/busybox' });
  let bytes = 0;
  for await (const chunk of archive) bytes += chunk.length;
  assert.ok(bytes > 100_000);
  await docker.createVolume({ Name: 'vol' });
  assert.equal((await docker.getVolume('vol').inspect()).Name, 'vol');
  await docker.getVolume('vol').remove();
  assert.ok((await docker.listNetworks()).some((network) => network.Name === 'bridge'));
  await container.remove({ force: true });
});

test('a websocket is attached to a terminal', async () => {
  const id = await cloud.ok(['run', '-dit', image, 'cat']);
  const path = `/v1.51/containers/${id}/attach/ws?stream=1&stdin=1&stdout=1`;
  const socket = new WebSocket(`ws+unix://${cloud.socket}:${path}`);
  let text = '';
  const echoed = new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', () => socket.send('hello\n'));
    socket.on('message', (data) => {
      text += String(data);
      if (text === 'hello\r\nhello\r\n') resolve();
    });
  });
  await echoed;
  socket.close();
  assert.equal(await cloud.inspect(id, '{{.State.Running}}'), true);
  await cloud.ok(['rm', '-f', id]);
});

test('API versions are negotiated, and refused outside 1.24 to 1.51', async () => {
  const ask = async (path: string): Promise<{ status: number; message: string }> => {
    const { request } = await import('node:http');
    return await new Promise((resolve, reject) => {
      const call = request({ socketPath: cloud.socket, path }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            message: (JSON.parse(text) as { message?: string }).message ?? '',
          }),
        );
      });
      call.on('error', reject);
      call.end();
    });
  };
  for (const version of ['1.24', '1.41', '1.51'])
    assert.equal((await ask(`/v${version}/containers/json`)).status, 200);
  assert.match((await ask('/v1.12/containers/json')).message, /too old/);
  assert.match((await ask('/v1.99/containers/json')).message, /too new/);
  assert.equal((await ask('/v1.41/nosuch')).message, 'page not found');
  assert.match((await ask('/v1.41/containers/nosuch/json')).message, /No such container: nosuch/);
});
