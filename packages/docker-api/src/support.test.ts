import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { checkBody } from './body/check.ts';
import type { BodyRow } from './body/rows.ts';
import { treeOf } from './body/tree.ts';
import { createContainer } from './containers/create.ts';
import type { CreateBody } from './containers/draft/body.ts';
import { draftOf } from './containers/draft/draft.ts';
import { operations } from './operations.ts';
import { Query } from './query.ts';
import { supportTable } from './support.ts';
import { TestServer } from './testing/server.ts';

const contract = new URL('../../../contracts/docker-api.md', import.meta.url);

test('the contract is what the tables say', async () => {
  if (process.env.UPDATE_CONTRACTS) await writeFile(contract, supportTable());
  assert.equal(await readFile(contract, 'utf8'), supportTable());
});

/** A body with just this option, in the surroundings that it needs to have a meaning. */
function bodyWith(
  row: BodyRow,
  value: unknown,
  surroundings: Record<string, unknown>,
): Record<string, unknown> {
  const body = structuredClone(surroundings);
  let at: Record<string, unknown> = body;
  const steps = row.path.split('.');
  for (const [i, step] of steps.entries()) {
    const name = step.replace(/\[\]|\{\}/g, '');
    const last = i === steps.length - 1;
    if (step.endsWith('{}[]'))
      at = into(
        at,
        name,
        () => ({ '80/tcp': [{}] }),
        (v) => v['80/tcp'][0],
      );
    else if (step.endsWith('[]'))
      at = into(
        at,
        name,
        () => [{}],
        (v) => v[0],
      );
    else if (step.endsWith('{}'))
      at = into(
        at,
        name,
        () => ({ bridge: {} }),
        (v) => v.bridge,
      );
    else if (last) at[name] = value;
    else
      at = into(
        at,
        name,
        () => ({}),
        (v) => v,
      );
  }
  return body;
}

function into(
  at: Record<string, unknown>,
  name: string,
  make: () => unknown,
  // biome-ignore lint/suspicious/noExplicitAny: walks a body of unknown shape
  step: (value: any) => Record<string, unknown>,
): Record<string, unknown> {
  at[name] ??= make();
  return step(at[name]);
}

function surroundingsOf(path: string): Record<string, unknown> {
  const mount = { Type: 'volume', Source: 'vol', Target: '/data' };
  if (path.includes('TmpfsOptions'))
    return { Image: 'app', HostConfig: { Mounts: [{ Type: 'tmpfs', Target: '/t' }] } };
  if (path.includes('BindOptions'))
    return { Image: 'app', HostConfig: { Mounts: [{ Type: 'bind', Source: '/s', Target: '/t' }] } };
  if (path.endsWith('Mounts[].Type'))
    return { Image: 'app', HostConfig: { Mounts: [{ Type: 'volume', Target: '/t' }] } };
  if (path.includes('Mounts')) return { Image: 'app', HostConfig: { Mounts: [mount] } };
  if (path.includes('Ulimits'))
    return { Image: 'app', HostConfig: { Ulimits: [{ Name: 'core', Soft: 1, Hard: 1024 }] } };
  if (path.endsWith('MaximumRetryCount'))
    return { Image: 'app', HostConfig: { RestartPolicy: { Name: 'on-failure' } } };
  return { Image: 'app' };
}

const tree = treeOf(createContainer.body ?? []);

function draft(body: unknown): ReturnType<typeof draftOf> {
  const checked = checkBody(tree, body);
  assert.deepEqual(checked.unknown, []);
  return draftOf(checked.body as CreateBody, { name: '', sockets: ['/own.sock'] });
}

/** All that it asks for, but not in whose words. */
const bare = ({ draft: { given: _, ...rest }, hostSources }: ReturnType<typeof draftOf>): object => ({
  ...rest,
  hostSources,
});

for (const row of createContainer.body ?? []) {
  const around = surroundingsOf(row.path);
  const name = row.path.split(/\[\]|\{\}/).at(-1) ?? '';
  if (row.support === 'refused') {
    test(`create refuses ${row.path}`, () => {
      assert.throws(
        () => draft(bodyWith(row, row.sample, around)),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'unsupported');
          assert.ok(error.message.includes(name), error.message);
          return true;
        },
      );
      for (const neutral of [null, ...(row.neutral ?? [])]) draft(bodyWith(row, neutral, around));
    });
  } else if (row.discarded !== undefined) {
    test(`create discards ${row.path} and says so`, () => {
      const { body, warnings } = checkBody(tree, bodyWith(row, row.sample, around));
      assert.deepEqual(bare(draft(body)), bare(draft(around)));
      assert.deepEqual(warnings, [`${row.path} discarded: ${row.discarded}`]);
    });
  } else {
    test(`create honours ${row.path}`, () => {
      const without = draft(around);
      const asked = draft(bodyWith(row, row.sample, around));
      assert.notDeepEqual(asked.draft.given, without.draft.given);
      if (row.kept) return;
      assert.notDeepEqual(bare(asked), bare(without));
    });
  }
}

for (const operation of operations) {
  for (const row of operation === createContainer ? [] : (operation.body ?? [])) {
    const body = bodyWith(row, row.sample, {});
    if (row.support === 'refused') {
      test(`${operation.path} refuses ${row.path}`, () => {
        assert.throws(() => checkBody(treeOf(operation.body ?? []), body), { code: 'unsupported' });
      });
    } else if (row.discarded === undefined) {
      test(`${operation.path} takes ${row.path}`, () => {
        const taken = { body, unknown: [], warnings: [] };
        assert.deepEqual(checkBody(treeOf(operation.body ?? []), body), taken);
      });
    }
  }
  for (const [name, param] of Object.entries(operation.params ?? {})) {
    const text = param.kind === 'filters' ? '{"x":["y"]}' : '1';
    test(`${operation.method} ${operation.path}?${name} is ${param.support}`, () => {
      const query = new Query(`${name}=${encodeURIComponent(text)}`);
      const check = (): string[] => query.check(operation.params ?? {});
      if (param.support === 'refused')
        assert.throws(check, { code: 'unsupported', message: new RegExp(`^${name} is not`) });
      else assert.deepEqual(check(), []);
    });
  }
}

let server: TestServer;
before(async () => {
  server = await TestServer.open();
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

for (const operation of operations) {
  const path = operation.path.replace(/:\w+\+?/g, 'some').replace('/networks/some', '/networks/none');
  test(`${operation.method} ${path} is routed${operation.support === 'refused' ? ' and refused' : ''}`, async () => {
    if (operation.path === '/events') return;
    const reply = await server.ask(operation.method, path);
    if (operation.method !== 'HEAD') assert.notEqual(reply.json?.message, 'page not found');
    if (operation.support === 'refused') {
      assert.ok([501, 503, 403].includes(reply.status), `${reply.status}`);
      assert.ok(reply.json.message.length > 0);
    }
  });
}
