import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KraudError } from '@kraud/base';
import { digestOf } from '../digest.ts';
import { type ImageLimits, imageLimits } from '../limits.ts';
import { type MadeEntry, makeTar, pieces } from '../testing/make-tar.ts';
import { decodeIndex, encodeIndex } from './index-codec.ts';
import { indexLayer, type LayerIndex } from './layer-index.ts';

async function index(entries: readonly MadeEntry[], limits: Partial<ImageLimits> = {}): Promise<LayerIndex> {
  const tar = makeTar(...entries);
  return await indexLayer(pieces(tar), { limits: { ...imageLimits, ...limits }, packedBytes: tar.length });
}

test('hostile entries are refused by name', async () => {
  const table: [string, MadeEntry, RegExp][] = [
    ['a path out', { path: '../x', content: 'x' }, /path escapes the image: "\.\.\/x"/],
    ['a path out from the middle', { path: 'a/../../x' }, /path escapes the image/],
    ['a path that only looks up', { path: 'a/../b' }, /path escapes the image/],
    [
      'a hard link out',
      { path: 'l', type: 'link', linkPath: '../../etc/shadow' },
      /hard link "l": path escapes/,
    ],
    ['a symlink to nothing', { path: 'l', type: 'symlink', linkPath: '' }, /symbolic link has no target/],
    [
      'a root that is no directory',
      { path: './', type: 'symlink', linkPath: '/etc' },
      /root is not a directory/,
    ],
    ['a whiteout of nothing', { path: 'a/.wh.' }, /whiteout names nothing/],
    ['a whiteout of the parent', { path: 'a/.wh...' }, /whiteout names nothing/],
    ['something in a whiteout', { path: '.wh.a/b' }, /whiteout has something in it/],
    ['a name too long', { path: 'n'.repeat(256) }, /longer than 255 bytes/],
    ['a user that can not be', { path: 'u', uid: 0xffffffff }, /out of range/],
  ];
  for (const [what, entry, message] of table)
    await assert.rejects(
      index([entry]),
      (error) => error instanceof KraudError && message.test(error.message),
      what,
    );
});

test('every limit is kept, and named', async () => {
  const file = { path: 'f', content: 'x'.repeat(1_000) };
  const table: [Partial<ImageLimits>, MadeEntry[], RegExp][] = [
    [{ entriesMax: 2 }, [file, file, file], /more than 2 entries/],
    [{ fileBytesMax: 999 }, [file], /larger than 999 bytes/],
    [{ unpackedBytesMax: 1_500 }, [file, file], /more than 1500 bytes/],
    [{ pathBytesMax: 10 }, [{ path: 'a/b/c/d/e/f' }], /longer than 10 bytes/],
    [{ pathDepthMax: 3 }, [{ path: 'a/b/c/d' }], /deeper than 3/],
    [{ nameBytesMax: 5 }, [{ path: 'abcdef' }], /names take more than 5 bytes/],
    [{ symlinkBytesMax: 3 }, [{ path: 'l', linkPath: 'abcd' }], /longer than 3 bytes/],
    [
      { xattrBytesMax: 9 },
      [{ path: 'f', xattrs: new Map([['user.a', Buffer.alloc(5)]]) }],
      /attributes take more/,
    ],
    [{ ratioFreeBytes: 100, ratioMax: 0.5 }, [file], /more than 0.5 times its size/],
  ];
  for (const [limits, entries, message] of table)
    await assert.rejects(
      index(entries, limits),
      (error) => error instanceof KraudError && error.code === 'exhausted' && message.test(error.message),
      JSON.stringify(limits),
    );
});

test('what Docker tolerates is made regular', async () => {
  const found = await index([
    { path: './' },
    { path: '/abs', content: 'x' },
    { path: './a//b/./c', content: 'x' },
    { path: 'gone/.wh.x' },
    { path: '.wh.top' },
    { path: 'dir/.wh..wh..opq' },
    { path: '.wh..wh.plnk/1.2', content: 'x' },
    { path: 'hard', type: 'link', linkPath: '/abs' },
    { path: 'sym', linkPath: '../../../etc/shadow' },
  ]);
  assert.deepEqual(
    found.entries.map(({ type, path, linkPath }) => [type, path, linkPath]),
    [
      ['dir', '', ''],
      ['file', 'abs', ''],
      ['file', 'a/b/c', ''],
      ['whiteout', 'gone/x', ''],
      ['whiteout', 'top', ''],
      ['opaque', 'dir', ''],
      ['link', 'hard', 'abs'],
      ['symlink', 'sym', '../../../etc/shadow'],
    ],
  );
});

test('attributes that would speak to the guest are dropped', async () => {
  const xattrs = new Map(
    ['user.a', 'security.capability', 'trusted.x', 'trusted.overlay.opaque', 'com.example', 'system.x'].map(
      (name) => [name, Buffer.from('v')] as const,
    ),
  );
  const found = await index([{ path: 'f', xattrs }]);
  assert.deepEqual(
    [...(found.entries[0]?.xattrs.keys() ?? [])],
    ['user.a', 'security.capability', 'trusted.x'],
  );
});

test('the diff id is that of the whole tar, whatever follows its end mark', async () => {
  const tar = Buffer.concat([makeTar({ path: 'a', content: 'x' }), Buffer.alloc(8_192)]);
  const found = await indexLayer(pieces(tar), { limits: imageLimits, packedBytes: tar.length });
  assert.equal(found.diffId, digestOf(tar));
  assert.equal(found.tarBytes, tar.length);
});

test('a stored index is the same when read, and torn ones are not read', async () => {
  const found = await index([
    { path: 'caf\xe9', content: 'x', xattrs: new Map([['user.a', Buffer.from([0, 255])]]) },
    { path: 'dev', type: 'char', devMajor: 1, devMinor: 3 },
    { path: '.wh.gone' },
  ]);
  const text = encodeIndex(found);
  assert.deepEqual(decodeIndex(text, found.diffId), found);
  for (let cut = 0; cut < text.length; cut += 7)
    assert.equal(decodeIndex(text.slice(0, cut), found.diffId), undefined);
  assert.equal(decodeIndex(text, digestOf('other')), undefined);
});
