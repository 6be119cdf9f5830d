import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { must } from '@kraud/base';
import type { Workload } from '@kraud/cloud';
import { samplePod } from '@kraud/macro/samples';
import { buildNetwork, createdAt } from '../testing/builders.ts';
import { type Reply, TestServer } from '../testing/server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.open();
  await server.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const container = { Image: 'app', Args: ['echo', 'hi'] };
const web = {
  Name: 'web',
  TaskTemplate: { ContainerSpec: container },
  Mode: { Replicated: { Replicas: 2 } },
};

const create = (body: object = web): Promise<Reply> => server.ask('POST', '/services/create', body);
const service = async (ref = 'web', query = ''): Promise<Reply['json']> =>
  (await server.ask('GET', `/services/${ref}${query}`)).json;
const filtered = (path: string, filters: object): Promise<Reply> =>
  server.ask('GET', `${path}?filters=${encodeURIComponent(JSON.stringify(filters))}`);
const workload = (): Workload => must([...server.fake.swarm.workloads.values()][0], 'a service was made');

test('made, found by id, name and beginning, listed, removed', async () => {
  const made = await create();
  assert.equal(made.status, 201);
  const { ID } = made.json;
  assert.match(ID, /^[0-9a-z]{25}$/);
  for (const ref of [ID, 'web', ID.slice(0, 8)]) assert.equal((await service(ref)).ID, ID);
  assert.equal((await server.ask('GET', '/services/nosuch')).status, 404);
  assert.equal((await filtered('/services', { name: ['we'], mode: ['replicated'] })).json.length, 1);
  assert.equal((await filtered('/services', { mode: ['global'] })).json.length, 0);
  assert.equal((await server.ask('DELETE', `/services/${ID}`)).status, 200);
  assert.deepEqual((await server.ask('GET', '/services')).json, []);
});

test('a service says what clients count on, and its defaults when asked', async () => {
  await create({ TaskTemplate: web.TaskTemplate, Name: 'web' });
  const plain = await service();
  assert.deepEqual(plain.Spec.Mode, { Replicated: { Replicas: 1 } });
  assert.equal(plain.Spec.UpdateConfig, undefined);
  const full = await service('web', '?insertDefaults=true');
  assert.equal(full.Spec.UpdateConfig.Monitor, 5_000_000_000);
  assert.equal(full.Spec.UpdateConfig.FailureAction, 'pause');
  assert.equal(full.Spec.TaskTemplate.RestartPolicy.Condition, 'any');
});

test('a service is shown as dockerd shows it, whatever was left out', async () => {
  const made = await create({
    TaskTemplate: {
      ContainerSpec: container,
      RestartPolicy: { Delay: 5 },
      Networks: [{ Target: 'default' }],
    },
    Networks: [{ Target: 'none', Aliases: ['x'] }],
    UpdateConfig: { Delay: 7, FailureAction: '' },
    EndpointSpec: { Ports: [{ TargetPort: 80 }, { TargetPort: 81, Protocol: 'udp', PublishMode: 'host' }] },
  });
  assert.equal(made.status, 201, made.text);
  const { Spec } = await service('free_name');
  const [first, second] = server.fake.networks;
  assert.deepEqual(Spec.Labels, {});
  assert.deepEqual(Spec.TaskTemplate.RestartPolicy, { Condition: 'any', MaxAttempts: 0, Delay: 5 });
  assert.deepEqual(Spec.TaskTemplate.Networks, [{ Target: first?.meta.uid }]);
  assert.deepEqual(Spec.Networks, [{ Target: second?.meta.uid, Aliases: ['x'] }]);
  assert.deepEqual(Spec.UpdateConfig, {
    Parallelism: 1,
    FailureAction: 'pause',
    MaxFailureRatio: 0,
    Order: 'stop-first',
    Delay: 7,
  });
  assert.equal(Spec.RollbackConfig, undefined);
  assert.deepEqual(Spec.EndpointSpec, {
    Mode: 'vip',
    Ports: [
      { Protocol: 'tcp', PublishMode: 'ingress', TargetPort: 80 },
      { Protocol: 'udp', PublishMode: 'host', TargetPort: 81 },
    ],
  });
});

test('what can’t be is refused with dockerd’s status', async () => {
  await create();
  const { Version } = await service();
  const back = await server.ask(
    'POST',
    `/services/web/update?version=${Version.Index}&rollback=previous`,
    web,
  );
  assert.equal(back.status, 400);
  assert.match(back.json.message, /^service \w{25} does not have a previous spec/);
  const { ID } = (await server.ask('POST', '/secrets/create', { Name: 'key', Data: 'aHVzaA==' })).json;
  const reading = (item: object): object => ({
    Name: 'reads',
    TaskTemplate: { ContainerSpec: { ...container, Secrets: [item] } },
  });
  for (const [item, message] of [
    [{ SecretName: 'key' }, 'malformed secret reference'],
    [{ SecretID: 'nosuch', SecretName: 'key' }, 'secret not found: key'],
    [{ SecretID: ID, SecretName: 'other' }, 'secret not found: other'],
  ] as const) {
    const reply = await create(reading(item));
    assert.deepEqual([reply.status, reply.json.message], [400, message]);
  }
  assert.equal((await create(reading({ SecretID: ID, SecretName: 'key' }))).status, 201);
  const limits = { Resources: { Limits: { NanoCPUs: 1000 } } };
  const tiny = await create({ Name: 'tiny', TaskTemplate: { ContainerSpec: container, ...limits } });
  assert.deepEqual(
    [tiny.status, tiny.json.message],
    [400, 'invalid cpu value 0.000001: Must be at least 0.001'],
  );
});

test('changes come in order, and lead back', async () => {
  await create();
  const { ID, Version, Spec } = await service();
  const more = { ...Spec, Mode: { Replicated: { Replicas: 5 } }, Labels: { a: 'b' } };
  const path = (version: number, query = ''): string => `/services/${ID}/update?version=${version}${query}`;
  assert.equal((await server.ask('POST', path(Version.Index), more)).status, 200);
  const late = await server.ask('POST', path(Version.Index), Spec);
  assert.equal(late.status, 500);
  assert.match(late.json.message, /update out of sequence/);
  const changed = await service();
  assert.equal(changed.Spec.Mode.Replicated.Replicas, 5);
  assert.equal(changed.PreviousSpec.Mode.Replicated.Replicas, 2);
  assert.deepEqual([changed.Spec.Labels, changed.PreviousSpec.Labels], [{ a: 'b' }, {}]);
  const back = await server.ask('POST', path(changed.Version.Index, '&rollback=previous'), changed.Spec);
  assert.equal(back.status, 200);
  assert.equal((await service()).Spec.Mode.Replicated.Replicas, 2);
});

const refusals: [string, object, number, RegExp][] = [
  ['no image', { Name: 'x', TaskTemplate: { ContainerSpec: {} } }, 400, /image reference must be provided/],
  ['two modes', { ...web, Mode: { Replicated: {}, Global: {} } }, 400, /only one service mode/],
  ['a wrong order', { ...web, UpdateConfig: { Order: 'first' } }, 400, /UpdateConfig\.Order first/],
  [
    'a rollback of a rollback',
    { ...web, RollbackConfig: { FailureAction: 'rollback' } },
    400,
    /FailureAction/,
  ],
  ['a ratio above 1', { ...web, UpdateConfig: { MaxFailureRatio: 2 } }, 400, /MaxFailureRatio/],
  ['an unknown network', task({ Networks: [{ Target: 'nosuch' }] }), 404, /network nosuch not found/],
  ['an unknown fact', task({ Placement: { Constraints: ['node.ip==1.2.3.4'] } }), 501, /node\.ip/],
  ['the host’s network', task({ Networks: [{ Target: 'host' }] }), 501, /network host is not supported/],
  ['no operator', task({ Placement: { Constraints: ['node.role'] } }), 400, /expected one operator/],
  ['sctp', ports({ TargetPort: 80, Protocol: 'sctp' }), 501, /sctp is not supported/],
  ['a port of 0', ports({ TargetPort: 0 }), 400, /invalid target port/],
  ['plugins', { Name: 'x', TaskTemplate: { Runtime: 'plugin' } }, 501, /Runtime is not supported: plugins/],
];

function task(more: object): object {
  return { Name: 'x', TaskTemplate: { ContainerSpec: container, ...more } };
}

function ports(...list: object[]): object {
  return { ...web, EndpointSpec: { Ports: list } };
}

for (const [what, body, status, message] of refusals) {
  test(`${what}: refused by name, and nothing is made`, async () => {
    const reply = await create(body);
    assert.deepEqual([reply.status, message.test(reply.json.message)], [status, true], reply.text);
    assert.equal(server.fake.swarm.workloads.size, 0);
  });
}

test('constraints are conditions on facts of hosts', async () => {
  const { ID } = (await server.ask('GET', '/nodes/beta')).json;
  await create(
    task({
      Placement: {
        Constraints: [`node.id==${ID}`, 'node.labels.zone!=a', 'node.platform.arch==x86_64'],
        Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.rack' } }],
        MaxReplicas: 2,
      },
    }),
  );
  const placement = must(server.fake.swarm.drafts[0]?.pod.placement, 'it is placed');
  assert.deepEqual(placement.constraints, [
    { key: 'kr.host', op: 'in', values: ['beta'] },
    { key: 'zone', op: 'not-in', values: ['a'] },
    { key: 'kr.arch', op: 'in', values: ['amd64'] },
  ]);
  assert.deepEqual([placement.spread[0]?.topology, placement.perHostMax], ['rack', 2]);
});

test('a label of an engine is a label of a host; what no node has spreads nothing, and is warned of', async () => {
  const made = await create(
    task({
      Placement: {
        Constraints: ['engine.labels.disk==ssd'],
        Preferences: [{ Spread: { SpreadDescriptor: 'com.example.rack' } }],
      },
    }),
  );
  assert.deepEqual([made.status, made.json.Warnings.length], [201, 1]);
  assert.match(made.json.Warnings[0], /no node has com\.example\.rack/);
  const placement = must(server.fake.swarm.drafts[0]?.pod.placement, 'it is placed');
  assert.deepEqual(placement.constraints, [{ key: 'engine.labels.disk', op: 'in', values: ['ssd'] }]);
});

test('services may be on the networks that every daemon has, without names there', async () => {
  for (const name of ['bridge', 'none']) {
    const shown = await server.ask('GET', `/networks/${name}?scope=swarm`);
    assert.equal(shown.status, 200, shown.text);
    const made = await create({ ...task({ Networks: [{ Target: shown.json.Id }] }), Name: `on-${name}` });
    assert.equal(made.status, 201, made.text);
  }
  const [bridge, none] = server.fake.swarm.drafts.map(({ pod }) => pod.networks);
  assert.deepEqual([bridge, none], [[{ ref: 'default', aliases: [] }], []]);
});

test('generic resources are had by a task alone, told to it, and shown of nodes', async () => {
  const GenericResources = [{ DiscreteResourceSpec: { Kind: 'gpu', Value: 2 } }];
  const made = await create(task({ Resources: { Reservations: { GenericResources } } }));
  assert.equal(made.status, 201, made.text);
  const [draft] = server.fake.swarm.drafts;
  assert.deepEqual(draft?.pod.placement?.generic, [{ kind: 'gpu', count: 2 }]);
  assert.deepEqual(draft?.pod.container.env, ['DOCKER_RESOURCE_GPU=2']);
  const shown = await service('x');
  assert.deepEqual(shown.Spec.TaskTemplate.Resources, { Reservations: { GenericResources } });
  assert.equal(shown.Spec.TaskTemplate.ContainerSpec.Env, undefined);
  const node = (await server.ask('GET', '/nodes/beta')).json;
  const Labels = { 'kr.generic.gpu': '2', 'kr.generic.nic': 'eth7' };
  await server.ask('POST', `/nodes/beta/update?version=${node.Version.Index}`, { ...node.Spec, Labels });
  const { Description } = (await server.ask('GET', '/nodes/beta')).json;
  assert.deepEqual(Description.Resources.GenericResources, [
    ...GenericResources,
    { NamedResourceSpec: { Kind: 'nic', Value: 'eth7' } },
  ]);
});

test('a job goes on after failures, whatever else its policy says', async () => {
  const RestartPolicy = { Condition: 'any', MaxAttempts: 2 };
  assert.equal((await create({ ...task({ RestartPolicy }), Mode: { ReplicatedJob: {} } })).status, 201);
  assert.equal(server.fake.swarm.drafts[0]?.restart.condition, 'on-failure');
  const shown = await service('x');
  assert.equal(shown.Spec.TaskTemplate.RestartPolicy.Condition, 'any');
  assert.equal(shown.JobStatus.LastExecution, shown.CreatedAt);
});

test('a host path that is missing here may be on the host of a task', async () => {
  const paths = { kindOf: async () => 'missing' as const, makeDirectory: async () => {} };
  await using elsewhere = await TestServer.open({ hostPaths: paths });
  await elsewhere.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' });
  const Mounts = [{ Type: 'bind', Source: '/data', Target: '/data' }];
  const body = { Name: 'x', TaskTemplate: { ContainerSpec: { ...container, Mounts } } };
  const made = await elsewhere.ask('POST', '/services/create', body);
  assert.equal(made.status, 201, made.text);
});

test('tasks are the pods of services, in Swarm’s words', async () => {
  await create();
  const running = { name: 'main', state: 'running' as const, exitCode: 0, oomKilled: false, error: '' };
  const { swarm } = server.fake;
  const up = swarm.addTask(workload(), '1', {
    host: 'alpha',
    phase: 'running',
    containers: [{ ...running, startedAt: createdAt }],
    network: {
      ...{ ipv4: '172.17.0.5', prefix: 16, gateway: '172.17.0.1', mac: '', ports: [] },
      addresses: [{ network: 'default', ipv4: '172.17.0.5', prefix: 16, gateway: '172.17.0.1' }],
    },
  });
  swarm.addTask(workload(), '2', {
    host: 'beta',
    phase: 'exited',
    containers: [{ ...running, state: 'exited', exitCode: 3, startedAt: createdAt, finishedAt: createdAt }],
  });
  swarm.addTask(workload(), '2');
  const seen = (reply: Reply): unknown[] =>
    reply.json.map((one: Reply['json']) => [one.Slot, one.Status.State, one.DesiredState, one.Status.Err]);
  assert.deepEqual(seen(await server.ask('GET', '/tasks')), [
    [1, 'running', 'running', undefined],
    [2, 'failed', 'shutdown', 'task: non-zero exit (3)'],
    [2, 'pending', 'running', undefined],
  ]);
  assert.equal((await filtered('/tasks', { service: ['web'], 'desired-state': ['running'] })).json.length, 2);
  assert.equal((await filtered('/tasks', { node: ['self'] })).json.length, 1);
  assert.equal((await filtered('/tasks', { name: ['web.2'] })).json.length, 2);
  assert.equal((await filtered('/tasks', { service: ['nosuch'] })).status, 404);
  const [first] = (await filtered('/tasks', { node: ['alpha'] })).json;
  assert.equal(first.Status.ContainerStatus.ContainerID, up.meta.uid);
  const [attached] = first.NetworksAttachments;
  assert.equal(attached.Network.ID, server.fake.networks[0]?.meta.uid);
  assert.deepEqual(
    [attached.Network.Spec.Name, attached.Network.Spec.DriverConfiguration, attached.Addresses],
    ['bridge', { Name: 'bridge' }, ['172.17.0.5/16']],
  );
  assert.equal((await server.ask('GET', `/tasks/${first.ID}`)).json.Spec.ContainerSpec.Image, 'app');
});

test('what a job has completed is desired no more', async () => {
  await create({ ...web, Mode: { GlobalJob: {} } });
  const counts = async (): Promise<object> =>
    (await server.ask('GET', '/services?status=1')).json[0].ServiceStatus;
  workload().status.desired = 3;
  workload().status.succeeded = 1;
  assert.deepEqual(await counts(), { RunningTasks: 0, DesiredTasks: 2, CompletedTasks: 1 });
  workload().spec.mode = { type: 'job', completions: 3, parallelism: 1 };
  assert.deepEqual(await counts(), { RunningTasks: 0, DesiredTasks: 1, CompletedTasks: 1 });
});

test('only tasks of what is wanted now are up to date', async () => {
  await create();
  server.fake.swarm.addTask(workload(), '1');
  const upToDate = async (): Promise<number> =>
    (await filtered('/tasks', { '_up-to-date': ['true'] })).json.length;
  assert.equal(await upToDate(), 1);
  const { ID, Version, Spec } = await service();
  Spec.TaskTemplate.ForceUpdate = 1;
  await server.ask('POST', `/services/${ID}/update?version=${Version.Index}`, Spec);
  assert.equal(await upToDate(), 0);
});

test('logs of all tasks are framed one by one, with where each line is from', async () => {
  await create();
  const { swarm, processes } = server.fake;
  const { FakeProcess } = await import('../testing/fake-process.ts');
  for (const slot of ['1', '2']) {
    const pod = swarm.addTask(workload(), slot, { host: 'alpha', phase: 'exited' });
    const process = new FakeProcess(['echo', `from ${slot}`]);
    processes.set(pod.meta.uid, process);
    process.run();
  }
  const reply = await server.ask('GET', '/services/web/logs?stdout=1&details=1&timestamps=1');
  const { ID } = await service();
  const lines = reply.text.split('\n').filter((line) => line !== '');
  assert.equal(lines.length, 2);
  for (const line of lines) {
    const [time, details = '', , from] = line.slice(8).split(' ');
    assert.match(time ?? '', /^\d{4}-.*Z$/);
    assert.match(
      details,
      new RegExp(`^com\\.docker\\.swarm\\.node\\.id=\\w+,com\\.docker\\.swarm\\.service\\.id=${ID},`),
    );
    assert.match(from ?? '', /^[12]$/);
  }
});

test('a service shows its virtual addresses, and a network the services that are on it', async () => {
  const { uid } = must(server.fake.networks[0]?.meta, 'there is a network');
  server.fake.networks.push(buildNetwork('front', 'vpc', 'e4'.repeat(32)));
  const front = must(server.fake.networks.at(-1), 'it was added');
  front.spec.subnet = '10.1.0.0/24';
  const Networks = [{ Target: 'front' }, { Target: uid }];
  assert.equal((await create({ ...task({ Networks }), Name: 'web' })).status, 201);
  const { uid: owner } = workload().meta;
  assert.equal(workload().spec.endpoint, 'virtual');
  assert.equal((await service()).Endpoint.VirtualIPs, undefined);
  front.status = { virtual: { slices: [], addresses: { [owner]: '10.1.0.240' } } };
  const shown = [{ NetworkID: front.meta.uid, Addr: '10.1.0.240/24' }];
  assert.deepEqual((await service()).Endpoint.VirtualIPs, shown);
  assert.deepEqual((await server.ask('GET', '/services')).json[0].Endpoint.VirtualIPs, shown);
  const plain = await server.ask('GET', '/networks/front');
  assert.equal(plain.json.Services, undefined);
  server.fake.members = [
    samplePod('web.1.x', {
      meta: { labels: { 'kr.workload': owner } },
      status: {
        network: {
          ...{ ipv4: '10.1.0.2', prefix: 24, gateway: '10.1.0.1', mac: '', ports: [] },
          addresses: [{ network: 'front', ipv4: '10.1.0.2', prefix: 24, gateway: '10.1.0.1' }],
        },
      },
    }),
  ];
  const { Services } = (await server.ask('GET', '/networks/front?verbose=true')).json;
  assert.equal(Services.web.VIP, '10.1.0.240');
  assert.deepEqual(
    Services.web.Tasks.map((each: { Name: string; EndpointIP: string }) => [each.Name, each.EndpointIP]),
    [['web.1.x', '10.1.0.2']],
  );
});

test('with dnsrr there is no virtual address, and no ingress port', async () => {
  assert.equal((await create({ ...web, EndpointSpec: { Mode: 'dnsrr' } })).status, 201);
  assert.equal(workload().spec.endpoint, 'pods');
  const ports = { Mode: 'dnsrr', Ports: [{ TargetPort: 80 }] };
  const refused = await create({ ...web, Name: 'other', EndpointSpec: ports });
  assert.deepEqual(
    [refused.status, refused.json.message],
    [400, "EndpointSpec: port published with ingress mode can't be used with dnsrr mode"],
  );
});
