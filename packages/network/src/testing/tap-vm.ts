import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '@kraud/base';
import { sh } from './world.ts';

/** The program that plays a VMM, built once for a test; see `vmm.c`. */
export class VmmProgram {
  readonly #dir = mkdtempSync(join(tmpdir(), 'kraud-vmm-'));
  readonly path = join(this.#dir, 'vmm');

  constructor() {
    const source = join(import.meta.dirname, 'vmm.c');
    execFileSync('cc', ['-std=c11', '-O1', '-Wall', '-Wextra', '-Werror', '-o', this.path, source]);
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true });
  }
}

/** A VM on a real tap, which stays when its VMM ends. Its guest is a namespace that goes on as if it slept. */
export class TapVm {
  readonly name: string;
  readonly #program: VmmProgram;
  #child: ChildProcess | undefined;
  /** Packets that have reached the guest: `syn 80`, `udp 53`. All of them once the VMM has ended. */
  arrived: string[] = [];

  constructor(name: string, program: VmmProgram) {
    this.name = name;
    this.#program = program;
    sh(`ip netns add guest-${name}; ip -n guest-${name} link set lo up`);
  }

  /** In the namespace of a VMM that starts a pod; answers where the tap is. */
  async boot(): Promise<{ netns: { name: string }; name: string }> {
    const place = `vmm-${this.name}`;
    sh(`ip netns list | grep -q '^${place}\\b' || ip netns add ${place}`);
    await this.start({ netns: `/run/netns/${place}`, name: 'tap0' });
    return { netns: { name: place }, name: 'tap0' };
  }

  async start(tap: { readonly netns: string; readonly name: string }): Promise<void> {
    const words = [tap.netns, tap.name, `/run/netns/guest-${this.name}`];
    const child = spawn(this.#program.path, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    const out = must(child.stdout, 'piped').setEncoding('utf8');
    out.on('data', (text: string) => {
      this.arrived.push(...text.split('\n').filter((line) => /^(syn|udp) /.test(line)));
    });
    await once(out, 'data');
  }

  async end(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'close');
  }
}
