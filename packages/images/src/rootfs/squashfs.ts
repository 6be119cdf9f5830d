import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { isErrno, KraudError, must } from '@kraud/base';
import { encodeHeader, padding, tarEnd } from '../tar/writer.ts';
import type { MergedTree, TreeNode } from './tree.ts';
import type { RootfsBuilder, RootfsWriter } from './writer.ts';

/** Holes of sparse files go through the pipe as zeros, this many at a time. */
const zeros = Buffer.alloc(64 * 1024);

/**
 * Squashfs, made by `sqfstar` from a tar of our own on its standard input. The tar has been through
 * `MergedTree`: its names are clean, so the program sees nothing hostile but content.
 */
class SquashfsWriter implements RootfsWriter {
  readonly #path: string;
  #program: Program | undefined;
  /** The names of each regular file; it is written under the first, the others are links to that. */
  readonly #names = new Map<TreeNode, string[]>();
  #current: TreeNode | undefined;
  #written = 0;

  constructor(path: string) {
    this.#path = path;
  }

  async start(tree: MergedTree): Promise<void> {
    this.#program = startProgram(this.#path, tree.root);
    for (const { path, node } of tree.walk()) {
      if (node.type === 'dir') await this.#send(header(node, `./${path}`));
      else this.#names.set(node, [...(this.#names.get(node) ?? []), path]);
    }
    for (const [node, names] of this.#names) {
      if (node.type === 'file' && node.extents.length > 0) continue;
      await this.#begin(node, names);
      await this.endFile(node);
    }
  }

  async write(node: TreeNode, offset: number, chunk: Uint8Array): Promise<void> {
    if (this.#current !== node) await this.#begin(node, this.#names.get(node) ?? []);
    await this.#fill(offset);
    await this.#send(chunk);
    this.#written += chunk.length;
  }

  async endFile(node: TreeNode): Promise<void> {
    await this.#fill(node.sizeBytes);
    await this.#send(padding(node.sizeBytes));
    const [first, ...others] = this.#names.get(node) ?? [];
    for (const path of others)
      await this.#send(
        encodeHeader({ type: 'link', path: `./${path}`, linkPath: `./${first}`, mode: node.mode }),
      );
    this.#current = undefined;
  }

  async finish(): Promise<void> {
    await this.#send(tarEnd);
    this.#program?.input.end();
    await this.#program?.ended;
  }

  async abort(): Promise<void> {
    this.#program?.child.kill('SIGKILL');
    await this.#program?.ended.catch(() => {});
  }

  async #begin(node: TreeNode, names: readonly string[]): Promise<void> {
    this.#current = node;
    this.#written = 0;
    await this.#send(header(node, `./${names[0]}`));
  }

  async #fill(upTo: number): Promise<void> {
    for (let missing = upTo - this.#written; missing > 0; missing -= zeros.length)
      await this.#send(zeros.subarray(0, Math.min(missing, zeros.length)));
    this.#written = Math.max(this.#written, upTo);
  }

  async #send(bytes: Uint8Array): Promise<void> {
    const { input, ended } = must(this.#program, 'start comes first');
    if (bytes.length === 0 || input.write(bytes)) return;
    // Whichever comes first; a failed program never drains.
    const drained = input.destroyed ? ended : once(input, 'drain');
    // A broken pipe only says that it ended; why is what `ended` says.
    await Promise.race([drained.catch(() => ended), ended]);
  }
}

interface Program {
  readonly child: ChildProcess;
  readonly input: Writable;
  readonly ended: Promise<void>;
}

function startProgram(path: string, root: TreeNode): Program {
  const format = ['-noI', '-noD', '-noF', '-noX', '-no-fragments', '-no-duplicates', '-mkfs-time', '0'];
  const manners = ['-no-progress', '-quiet', '-exit-on-error', '-force'];
  // It takes nothing for the root from the tar.
  const rootMode = ['-root-mode', root.mode.toString(8), '-root-time', String(squashTime(root))];
  const rootOwner = ['-root-uid', String(root.uid), '-root-gid', String(root.gid)];
  const child = spawn('sqfstar', [...format, ...manners, ...rootMode, ...rootOwner, path], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    cwd: '/',
  });
  let complaint = '';
  child.stderr.on('data', (data: Buffer) => {
    complaint = (complaint + data.toString()).slice(-500);
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', (error) =>
      reject(
        isErrno(error, 'ENOENT')
          ? new KraudError('unavailable', 'sqfstar is not installed (Debian package squashfs-tools)')
          : error,
      ),
    );
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else if (/no space left/i.test(complaint))
        reject(new KraudError('exhausted', 'no space left on device while making a root file system'));
      else reject(new KraudError('internal', `sqfstar failed (${signal ?? code}): ${complaint.trim()}`));
    });
  });
  ended.catch(() => {});
  // A program that ended early breaks the pipe; why it ended is what counts.
  child.stdin.on('error', () => {});
  return { child, input: child.stdin, ended };
}

export const squashfs: RootfsBuilder = {
  version: 1,
  create: (_file, path) => new SquashfsWriter(path),
};

function header(node: TreeNode, path: string): Buffer {
  return encodeHeader({
    type: node.type,
    path,
    linkPath: node.linkPath,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    mtimeSec: squashTime(node),
    sizeBytes: node.sizeBytes,
    devMajor: node.devMajor,
    devMinor: node.devMinor,
    xattrs: node.xattrs,
  });
}

/** The format has an unsigned 32-bit time. */
function squashTime(node: TreeNode): number {
  return Math.min(Math.max(node.mtimeSec, 0), 0xffffffff);
}
