import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KraudError } from '@kraud/base';
import { indexLayer } from '../layer/layer-index.ts';
import { imageLimits } from '../limits.ts';
import { type MadeEntry, makeTar, pieces } from '../testing/make-tar.ts';
import { MergedTree } from './tree.ts';

async function merge(...layers: readonly MadeEntry[][]): Promise<MergedTree> {
  const tree = new MergedTree(imageLimits);
  for (const entries of layers) {
    const tar = makeTar(...entries);
    tree.apply(await indexLayer(pieces(tar), { limits: imageLimits, packedBytes: tar.length }));
  }
  return tree;
}

/** One line for each name: its path, and the layer its content is from, or what it is. */
async function list(...layers: readonly MadeEntry[][]): Promise<string[]> {
  const lines: string[] = [];
  for (const { path, node, again } of (await merge(...layers)).walk()) {
    if (path === '') continue;
    const what =
      node.type === 'file' ? `layer ${node.layer}` : node.type === 'symlink' ? node.linkPath : node.type;
    lines.push(`${path}: ${what}${again === undefined ? '' : ` = ${again}`}`);
  }
  return lines;
}

const file = (path: string): MadeEntry => ({ path, content: path });

test('upper layers win, and whiteouts hide only what is below', async () => {
  const lower = [file('a/one'), file('a/two'), file('b/x'), file('c')];
  assert.deepEqual(await list(lower, [file('a/one')]), [
    'a: dir',
    'a/one: layer 1',
    'a/two: layer 0',
    'b: dir',
    'b/x: layer 0',
    'c: layer 0',
  ]);
  assert.deepEqual(await list(lower, [file('a/.wh.one'), file('.wh.b'), file('.wh.c')]), [
    'a: dir',
    'a/two: layer 0',
  ]);
  // Wherever it stands in its layer, a whiteout leaves the layer's own entry alone.
  assert.deepEqual(await list(lower, [file('b/new'), file('.wh.b')]), [
    'a: dir',
    'a/one: layer 0',
    'a/two: layer 0',
    'b: dir',
    'b/new: layer 1',
    'c: layer 0',
  ]);
  assert.deepEqual(
    await list(lower, [file('a/mine'), file('a/.wh..wh..opq'), file('.wh.b'), file('.wh.c')]),
    ['a: dir', 'a/mine: layer 1'],
  );
});

test('a file takes the place of a directory, and the other way round', async () => {
  assert.deepEqual(await list([file('a/b')], [file('a')]), ['a: layer 1']);
  assert.deepEqual(await list([file('a')], [{ path: 'a/' }, file('a/b')]), ['a: dir', 'a/b: layer 1']);
  await assert.rejects(list([file('a')], [file('a/b')]), /leads through something that is not a directory/);
});

test('a directory keeps what is in it when it comes again', async () => {
  const tree = await merge(
    [{ path: 'd/', mode: 0o700 }, file('d/x')],
    [{ path: 'd/', mode: 0o1777, uid: 5 }],
  );
  const dir = tree.root.children.get('d');
  assert.equal(dir?.mode, 0o1777);
  assert.equal(dir?.uid, 5);
  assert.deepEqual([...(dir?.children.keys() ?? [])], ['x']);
});

test('hard links survive that their target is hidden or replaced', async () => {
  const link = { path: 'l', type: 'link', linkPath: 'target' } as const;
  assert.deepEqual(await list([file('target'), link]), ['l: layer 0', 'target: layer 0 = l']);
  assert.deepEqual(await list([file('target'), link], [file('.wh.target')]), ['l: layer 0']);
  assert.deepEqual(await list([file('target')], [link, file('target')]), ['l: layer 0', 'target: layer 1']);
  await assert.rejects(list([link]), /hard link "l": its target "target" is not in the image/);
  await assert.rejects(list([{ path: 'target/' }, link]), /is a directory/);
  await assert.rejects(list([file('target')], [file('.wh.target'), link]), /is not in the image/);
});

test('paths through symbolic links stay inside the image', async () => {
  const usr = [{ path: 'usr/lib/' }, { path: 'lib', linkPath: 'usr/lib' }];
  assert.deepEqual(await list(usr, [file('lib/so')]), [
    'lib: usr/lib',
    'usr: dir',
    'usr/lib: dir',
    'usr/lib/so: layer 1',
  ]);
  assert.deepEqual(await list([{ path: 'out', linkPath: '/etc' }, file('out/passwd')]), [
    'etc: dir',
    'etc/passwd: layer 0',
    'out: /etc',
  ]);
  assert.deepEqual(await list([{ path: 'a/up', linkPath: '../../../../x' }, file('a/up/f')]), [
    'a: dir',
    'a/up: ../../../../x',
    'x: dir',
    'x/f: layer 0',
  ]);
  // A directory of the same name replaces the link, as in every unpacker.
  assert.deepEqual(await list(usr, [{ path: 'lib/' }]), ['lib: dir', 'usr: dir', 'usr/lib: dir']);
  await assert.rejects(
    list([{ path: 'a', linkPath: 'b' }, { path: 'b', linkPath: 'a' }, file('a/x')]),
    (error) => error instanceof KraudError && /too many symbolic links/.test(error.message),
  );
});

test('the last of two entries with one name counts', async () => {
  const tree = await merge([
    { path: 'x', content: 'first' },
    { path: 'x', content: 'second one' },
  ]);
  assert.equal(tree.root.children.get('x')?.sizeBytes, 10);
});
