import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkBody } from '../body/check.ts';
import type { BodyRow } from '../body/rows.ts';
import { treeOf } from '../body/tree.ts';
import type { ServiceBody } from './body.ts';
import { serviceDraftOf } from './draft/draft.ts';
import { serviceRows } from './rows.ts';

const tree = treeOf(serviceRows);
const context = {
  sockets: ['/own.sock'],
  hostOfNode: () => undefined,
  network: (ref: string) => ({ name: ref, id: ref }),
  hasFile: () => true,
  endedKept: 5,
};

/** The whole translation, without the body that it keeps. */
function meaning(body: unknown): unknown {
  const checked = checkBody(tree, body);
  assert.deepEqual(checked.unknown, []);
  const { draft, hostSources } = serviceDraftOf(checked.body as ServiceBody, context);
  const { given: _, pod, ...rest } = draft;
  const { given: __, ...podRest } = pod;
  return { ...rest, pod: podRest, hostSources };
}

/** What an option needs around it to have a meaning. */
function surroundings(path: string): Record<string, unknown> {
  const container: Record<string, unknown> = { Image: 'app' };
  const body: Record<string, unknown> = { Name: 'name', TaskTemplate: { ContainerSpec: container } };
  if (path.includes('TmpfsOptions') || path.includes('ImageOptions') || path.includes('ClusterOptions'))
    container.Mounts = [{ Type: 'tmpfs', Target: '/t' }];
  else if (path.endsWith('Mounts[].Type')) container.Mounts = [{ Type: 'volume', Target: '/t' }];
  else if (path.includes('BindOptions')) container.Mounts = [{ Type: 'bind', Source: '/s', Target: '/t' }];
  else if (path.includes('Mounts')) container.Mounts = [{ Type: 'volume', Source: 'vol', Target: '/data' }];
  if (path.includes('Ulimits')) container.Ulimits = [{ Name: 'core', Soft: 1, Hard: 1024 }];
  if (path.includes('Secrets')) container.Secrets = [{ SecretID: 'a', SecretName: 'a' }];
  if (path.includes('Configs')) container.Configs = [{ ConfigID: 'a', ConfigName: 'a' }];
  if (path.includes('Aliases')) {
    const networks = [{ Target: 'back' }];
    if (path.startsWith('Networks')) body.Networks = networks;
    else (body.TaskTemplate as Record<string, unknown>).Networks = networks;
  }
  if (path.includes('Ports')) body.EndpointSpec = { Ports: [{ TargetPort: 80 }] };
  return body;
}

function withOption(row: BodyRow, value: unknown): Record<string, unknown> {
  const body = surroundings(row.path);
  const steps = row.path.split('.');
  let at = body;
  for (const step of steps.slice(0, -1)) {
    const name = step.replace('[]', '');
    at[name] ??= step.endsWith('[]') ? [{}] : {};
    const next = at[name] as Record<string, unknown> | Record<string, unknown>[];
    at = Array.isArray(next) ? (next[0] as Record<string, unknown>) : next;
  }
  at[steps.at(-1) ?? ''] = value;
  return body;
}

/** Ids stand beside the names that lead; a port's name is only shown. */
const silent = /(ID|Ports\[\]\.Name)$/;

for (const row of serviceRows) {
  if (row.support === 'refused') {
    test(`a service refuses ${row.path}`, () => {
      assert.throws(() => meaning(withOption(row, row.sample)), { code: 'unsupported' });
      for (const neutral of [null, ...(row.neutral ?? [])]) meaning(withOption(row, neutral));
    });
  } else {
    test(`a service honours ${row.path}`, () => {
      const asked = meaning(withOption(row, row.sample));
      if (row.kept || silent.test(row.path)) return;
      assert.notDeepEqual(asked, meaning(surroundings(row.path)));
    });
  }
}
