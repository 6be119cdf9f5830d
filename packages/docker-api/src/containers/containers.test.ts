import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { buildNetwork } from '../testing/builders.ts';
import { TestServer } from '../testing/server.ts';

test('the list and its filters', async () => {
  await using server = await TestServer.open();
  const up = await server.create(['sleep', 'a b'], { Labels: { tier: 'web' } });
  await server.ask('POST', `/containers/${up}/start`);
  const done = await server.create(['exit', '3']);
  await server.ask('POST', `/containers/${done}/start`);
  const made = await server.create(['echo'], { HostConfig: { NetworkMode: 'none', Binds: ['data:/data'] } });
  await server.ask('POST', `/containers/${done}/wait`);
  const list = async (query: string): Promise<string[]> => {
    const reply = await server.ask('GET', `/containers/json?${query}`);
    assert.equal(reply.status, 200, reply.text);
    return reply.json.map((row: { Id: string }) => row.Id).sort();
  };
  const by = (filters: object): Promise<string[]> =>
    list(`all=1&filters=${encodeURIComponent(JSON.stringify(filters))}`);
  assert.deepEqual(await list(''), [up]);
  assert.deepEqual(await list('all=1'), [up, done, made].sort());
  assert.equal((await list('limit=2')).length, 2);
  assert.deepEqual(await by({ status: ['exited'] }), [done]);
  assert.deepEqual(await by({ exited: { '3': true } }), [done]);
  assert.deepEqual(await by({ exited: ['0'] }), []);
  assert.deepEqual(await by({ label: ['tier=web'] }), [up]);
  assert.deepEqual(await by({ id: [made.slice(0, 8)] }), [made]);
  assert.deepEqual(await by({ network: ['none'] }), [made]);
  assert.deepEqual(await by({ volume: ['data'] }), [made]);
  for (const later of [done, made]) server.fake.find(later).meta.createdAt = '2030-01-01T00:00:00Z';
  assert.deepEqual(await by({ since: [up] }), [done, made].sort());
  const since = encodeURIComponent(JSON.stringify({ since: [up] }));
  assert.deepEqual(await list(`filters=${since}`), [], 'of those that run');
  assert.deepEqual(await by({ ancestor: ['app'] }), [up, done, made].sort());
  assert.deepEqual(await by({ ancestor: ['other'] }), []);
  assert.deepEqual(await by({ health: ['none'], 'is-task': ['false'] }), [up, done, made].sort());
  const [row] = (await server.ask('GET', '/containers/json')).json;
  assert.equal(row.Command, "sleep 'a b'");
  assert.match(row.Status, /^Up \d+ years$/);
  for (const bad of [{ status: ['odd'] }, { exited: ['x'] }, { odd: ['x'] }, { publish: ['x'] }]) {
    const reply = await server.ask(
      'GET',
      `/containers/json?filters=${encodeURIComponent(JSON.stringify(bad))}`,
    );
    assert.equal(reply.status, 400);
  }
});

test('inspect shows what was given, over the defaults', async () => {
  await using server = await TestServer.open();
  const id = await server.create(['echo', 'x'], {
    Entrypoint: ['/bin/busybox'],
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { CapAdd: ['NET_ADMIN'], RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } },
  });
  const { json } = await server.ask('GET', `/containers/${id}/json?size=1`);
  assert.deepEqual([json.Path, json.Args], ['/bin/busybox', ['echo', 'x']]);
  assert.deepEqual([json.Config.Entrypoint, json.Config.Cmd], [['/bin/busybox'], ['echo', 'x']]);
  assert.deepEqual(json.HostConfig.CapAdd, ['NET_ADMIN']);
  assert.deepEqual(json.HostConfig.RestartPolicy, { Name: 'on-failure', MaximumRetryCount: 2 });
  assert.equal(json.HostConfig.NetworkMode, 'bridge');
  assert.equal(json.State.Status, 'created');
  assert.equal(json.State.StartedAt, '0001-01-01T00:00:00Z');
  assert.deepEqual([json.SizeRw, json.SizeRootFs], [10, 110]);
  assert.ok(json.NetworkSettings.Networks.bridge);
  assert.deepEqual(json.Kraud.Ledger, []);
});

test('inspect shows what was given, as it was given', async () => {
  await using server = await TestServer.open();
  const id = await server.create(['sleep'], {
    Env: ['A=1', 'B'],
    StopSignal: '9',
    Healthcheck: { Test: ['CMD', 'true'], Retries: 2 },
    Volumes: { '/anonymous': {} },
    HostConfig: {
      Binds: ['data:/data', 'logs:/logs:ro'],
      Mounts: [{ Type: 'tmpfs', Target: '/mounted' }],
      Tmpfs: { '/run': '' },
      NanoCpus: 500_000,
    },
  });
  const { json } = await server.ask('GET', `/containers/${id}/json`);
  assert.equal(json.HostConfig.NanoCpus, 500_000, 'less than the kernel can give');
  assert.deepEqual(json.Config.Env, ['A=1', 'B', 'PATH=/bin']);
  assert.equal(json.Config.StopSignal, '9');
  assert.deepEqual(json.Config.Healthcheck, { Test: ['CMD', 'true'], Retries: 2 });
  const shown = json.Mounts.map(({ Type, Destination, Mode, RW }: Record<string, unknown>) =>
    [Type, Destination, Mode, RW].join(' '),
  );
  assert.deepEqual(shown.sort(), [
    'tmpfs /mounted  true',
    'volume /anonymous  true',
    'volume /data z true',
    'volume /logs ro false',
  ]);
});

test('older clients find the names that every container of a network has among its aliases', async () => {
  await using server = await TestServer.open();
  server.fake.networks.push(buildNetwork('one', 'vpc', 'e3'.repeat(32)));
  const id = await server.create(['sleep'], {
    Hostname: 'box',
    HostConfig: { NetworkMode: 'one' },
    NetworkingConfig: { EndpointsConfig: { one: { Aliases: ['web'] } } },
  });
  const aliases = async (minor: number): Promise<unknown> =>
    (await server.ask('GET', `/v1.${minor}/containers/${id}/json`)).json.NetworkSettings.Networks.one.Aliases;
  assert.deepEqual(await aliases(44), ['web', id.slice(0, 12), 'box']);
  assert.deepEqual(await aliases(45), ['web']);
});

test('options for a driver are kept if no driver would read them, and refused otherwise', async () => {
  await using server = await TestServer.open();
  server.fake.networks.push(buildNetwork('one', 'vpc', 'e3'.repeat(32)));
  const body = (DriverOpts: object): object => ({
    Image: 'app',
    HostConfig: { NetworkMode: 'one' },
    NetworkingConfig: { EndpointsConfig: { one: { DriverOpts } } },
  });
  const made = await server.ask('POST', '/containers/create', body({ key1: 'a' }));
  assert.equal(made.status, 201);
  const { json } = await server.ask('GET', `/containers/${made.json.Id}/json`);
  assert.deepEqual(json.NetworkSettings.Networks.one.DriverOpts, { key1: 'a' });
  const name = 'com.docker.network.endpoint.ifname';
  const refused = await server.ask('POST', '/containers/create', body({ [name]: 'web0' }));
  assert.equal(refused.status, 501);
  assert.match(refused.json.message, /DriverOpts com\.docker\.network\.endpoint\.ifname is not supported/);
});

test('logs: frames, timestamps, details, and both streams by name', async () => {
  await using server = await TestServer.open();
  const id = await server.create(['err', 'no']);
  await server.ask('POST', `/containers/${id}/start`);
  const logs = async (query: string): Promise<string> =>
    (await server.ask('GET', `/containers/${id}/logs?${query}`)).text;
  assert.equal(await logs('stderr=1'), '\x02\0\0\0\0\0\0\x03no\n');
  assert.equal(await logs('stderr=1&timestamps=1'), '\x02\0\0\0\0\0\0"2023-11-14T22:13:20.123456789Z no\n');
  assert.equal((await server.ask('GET', `/containers/${id}/logs`)).status, 400);
  await logs('stdout=1&tail=5&since=10m&until=1700000000.5');
  const query = server.fake.calls.filter(({ name }) => name === 'output').at(-1)?.args[1] as Record<
    string,
    unknown
  >;
  assert.deepEqual([query.from, query.untilNs, query.follow], [5, 1_700_000_000_500_000_000n, 'no']);
  const mute = await server.create(['echo'], { HostConfig: { LogConfig: { Type: 'none' } } });
  assert.equal((await server.ask('GET', `/containers/${mute}/logs?stdout=1`)).status, 501);
});

test('details of a log are what its options name', async () => {
  await using server = await TestServer.open();
  const Config = { labels: 'b,none', 'env-regex': '^A', tag: '{{.Name}}/x' };
  const id = await server.create(['echo', 'hi'], {
    Env: ['A1=x y', 'B=2', 'A2'],
    Labels: { b: '1', c: '3' },
    HostConfig: { LogConfig: { Type: 'json-file', Config } },
  });
  await server.ask('POST', `/containers/${id}/rename?name=box`);
  await server.ask('POST', `/containers/${id}/start`);
  const { text } = await server.ask('GET', `/containers/${id}/logs?stdout=1&details=1`);
  assert.match(text.slice(8), /^A1=x\+y,b=1,tag=\w+%2Fx hi\n$/);
  for (const wrong of [{ tag: '{{.Nope}}' }, { tag: '{{if .Name}}' }, { 'labels-regex': '(a+)+' }]) {
    const LogConfig = { Type: 'json-file', Config: wrong };
    const body = { Image: 'app', HostConfig: { LogConfig } };
    assert.equal((await server.ask('POST', '/containers/create', body)).status, 501);
  }
});

test('logs that are followed end at the last moment asked for, though nothing is said then', async () => {
  await using server = await TestServer.open();
  const id = await server.create(['cat'], { OpenStdin: true });
  await server.ask('POST', `/containers/${id}/start`);
  const until = Date.now() / 1000 + 0.2;
  const reply = await server.ask('GET', `/containers/${id}/logs?stdout=1&follow=1&until=${until.toFixed(3)}`);
  assert.deepEqual([reply.status, reply.text], [200, '']);
});

test('a state that is there already is 304, without a body', async () => {
  await using server = await TestServer.open();
  const id = await server.create(['sleep']);
  assert.deepEqual((await server.ask('POST', `/containers/${id}/stop`)).status, 304);
  await server.ask('POST', `/containers/${id}/start`);
  const again = await server.ask('POST', `/containers/${id}/start`);
  assert.deepEqual([again.status, again.text], [304, '']);
  assert.equal((await server.ask('POST', `/containers/${id}/stop?t=-1&signal=INT`)).status, 204);
  assert.deepEqual(server.fake.lastCall()[1], { signal: 'INT', timeoutMs: -1 });
  assert.equal((await server.ask('POST', `/containers/${id}/stop?t=soon`)).status, 400);
});

test('archives: stat in a header, a tar out, a compressed tar in', async () => {
  await using server = await TestServer.open();
  const id = await server.create(['sleep']);
  for (const method of ['HEAD', 'GET']) {
    const { status, headers } = await server.ask(method, `/containers/${id}/archive?path=/etc`);
    assert.equal(status, 200);
    const stat = JSON.parse(
      Buffer.from(String(headers['x-docker-container-path-stat']), 'base64').toString(),
    );
    assert.equal(stat.name, '/etc');
  }
  const tar = Buffer.alloc(2048, 7);
  const put = (body: Buffer) =>
    server.ask('PUT', `/containers/${id}/archive?path=/tmp`, body, { 'Content-Type': 'application/x-tar' });
  for (const body of [tar, gzipSync(tar)]) {
    assert.equal((await put(body)).status, 200);
    assert.deepEqual(server.fake.archive, tar);
  }
  const broken = await put(gzipSync(tar).subarray(0, 20));
  assert.equal(broken.status, 400);
  assert.equal((await put(Buffer.from('BZh91AY&SY'))).status, 501);
  assert.equal((await server.ask('GET', `/containers/${id}/archive`)).status, 400);
});

test('host paths: made for -v, wanted for --mount, and only for the owner of the socket', async () => {
  const made: string[] = [];
  const hostPaths = {
    kindOf: async (path: string) =>
      path === '/there' ? ('directory' as const) : path === '/s' ? ('socket' as const) : ('missing' as const),
    makeDirectory: async (path: string) => void made.push(path),
  };
  await using server = await TestServer.open({ hostPaths });
  const create = (HostConfig: object, Image = 'app') =>
    server.ask('POST', '/containers/create', { Image, HostConfig });
  const mount = (Source: string) => ({ Mounts: [{ Type: 'bind', Source, Target: '/x' }] });
  assert.equal((await create({ Binds: ['/there:/x:ro'] })).status, 201);
  assert.equal((await create(mount('/there'))).status, 201);
  const missing = await create(mount('/gone'));
  assert.deepEqual([missing.status, made], [400, []]);
  assert.match(missing.json.message, /bind source path does not exist: \/gone/);
  assert.equal((await create({ Binds: ['/gone:/x'] }, 'nope')).status, 404);
  assert.deepEqual(made, []);
  assert.equal((await create({ Binds: ['/gone:/x'] })).status, 201);
  assert.deepEqual(made, ['/gone']);
  assert.equal((await create({ Binds: ['/s:/x'] })).status, 501);
  await create({ Binds: ['/var/run/docker.sock:/var/run/docker.sock'] });
  assert.deepEqual(server.fake.drafts.at(-1)?.container.mounts, [
    { type: 'socket', source: server.path, target: '/var/run/docker.sock' },
  ]);
});

test('commit keeps what the container ran with', async () => {
  await using server = await TestServer.open();
  const id = await server.create(['echo', 'x'], { Env: ['A=1'] });
  const reply = await server.ask(
    'POST',
    `/commit?container=${id}&repo=new&tag=1&comment=c&changes=ENV%20B=2`,
  );
  assert.equal(reply.status, 201);
  const [, options] = server.fake.lastCall() as [string, Record<string, unknown>];
  assert.equal(options.reference, 'new:1');
  assert.deepEqual(options.changes, ['ENV B=2']);
  const config = options.config as { cmd: string[]; env: string[] };
  assert.deepEqual(
    [config.cmd, config.env],
    [
      ['echo', 'x'],
      ['A=1', 'PATH=/bin'],
    ],
  );
  const own = { Env: ['A=2'], Labels: { more: 'b' }, Entrypoint: ['sh'] };
  const labelled = await server.create(['echo', 'x'], { Env: ['A=1'], Labels: { given: 'a' } });
  assert.equal((await server.ask('POST', `/commit?container=${labelled}`, own)).status, 201);
  const [, second] = server.fake.lastCall() as [string, { config: Record<string, unknown> }];
  assert.deepEqual(second.config.labels, { given: 'a', more: 'b' });
  assert.deepEqual(second.config.env, ['A=2', 'PATH=/bin']);
  assert.deepEqual([second.config.cmd, second.config.entrypoint], [undefined, ['sh']]);
});

test('events come at once, filtered', async () => {
  await using server = await TestServer.open();
  const client = server.raw();
  const filters = encodeURIComponent('{"type":["container"],"event":["start"]}');
  client.socket.write(`GET /events?filters=${filters} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await client.until((text) => text.includes('\r\n\r\n'));
  for (const action of ['create', 'start']) {
    server.fake.liveEvents.push({
      spec: {
        type: 'container',
        action,
        actor: 'a',
        attributes: { image: 'app' },
        timeNano: '1700000000000000001',
      },
    } as never);
  }
  const text = await client.until((t) => t.includes('"status"'));
  assert.ok(text.includes('"status":"start","id":"a","from":"app"') && !text.includes('"create"'), text);
  client.socket.end();
});

test('older clients create as they always did: on one network, and with an IPC namespace for others to join', async () => {
  await using server = await TestServer.open();
  const NetworkingConfig = { EndpointsConfig: { one: {}, two: {} } };
  const create = (minor: number, more: object) =>
    server.ask('POST', `/v1.${minor}/containers/create`, { Image: 'app', ...more });
  const refused = await create(43, { NetworkingConfig });
  assert.deepEqual(
    [refused.status, refused.json.message],
    [400, 'Container cannot be created with multiple network endpoints: one, two'],
  );
  assert.equal((await create(44, { NetworkingConfig })).status, 201);
  for (const [minor, mode] of [
    [39, 'shareable'],
    [40, 'private'],
  ] as const) {
    const { Id } = (await create(minor, {})).json;
    assert.equal((await server.ask('GET', `/containers/${Id}/json`)).json.HostConfig.IpcMode, mode);
  }
});

test('a working directory is shown clean, and none where nobody named one', async () => {
  await using server = await TestServer.open();
  const shown = async (body: object): Promise<string> => {
    const { Id } = (await server.ask('POST', '/containers/create', { Image: 'app', ...body })).json;
    return (await server.ask('GET', `/containers/${Id}/json`)).json.Config.WorkingDir;
  };
  assert.equal(await shown({ WorkingDir: '' }), '');
});
