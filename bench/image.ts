import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command.ts';

/** A tar of a small root file system around this machine's static busybox: the same bytes for every peer. */
export async function busyboxTar(dir: string): Promise<string> {
  const tree = join(dir, 'tree');
  const tar = join(dir, 'busybox.tar');
  mkdirSync(join(tree, 'bin'), { recursive: true });
  await command('cp', ['/bin/busybox', join(tree, 'bin/busybox')]);
  for (const applet of (await command('/bin/busybox', ['--list'])).split('\n')) {
    if (applet !== '' && applet !== 'busybox')
      await command('ln', ['-s', 'busybox', join(tree, 'bin', applet)]);
  }
  await command('tar', ['--owner=0', '--group=0', '--numeric-owner', '-C', tree, '-cf', tar, '.']);
  rmSync(tree, { recursive: true });
  return tar;
}
