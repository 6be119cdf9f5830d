import { spawn } from 'node:child_process';
import { KraudError } from '@kraud/base';
import { howEnded } from './ended.ts';

const outputBytesMax = 16 * 1024 * 1024;

/** Runs a program to its end and answers its output. A failure carries what it said. */
export function run(command: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let bytes = 0;
    const collect = (into: Buffer[]) => (data: Buffer) => {
      bytes += data.length;
      if (bytes > outputBytesMax) child.kill('SIGKILL');
      else into.push(data);
    };
    child.stdout.on('data', collect(out));
    child.stderr.on('data', collect(err));
    child.stdin.on('error', () => {});
    child.on('error', (cause) => reject(new KraudError('unavailable', `cannot run ${command}`, { cause })));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(Buffer.concat(out).toString());
      const said = Buffer.concat(err).toString();
      reject(new KraudError('internal', howEnded([command, ...args], code, signal, said)));
    });
    child.stdin.end(input);
  });
}

/** In which network namespace a command is carried out: `host` is the daemon's own. */
export type Place = 'host' | { readonly name: string } | { readonly pid: number };

/** The words that put a command into a place. */
export function enter(place: Place): string[] {
  if (place === 'host') return [];
  const path = 'pid' in place ? `/proc/${place.pid}/ns/net` : `/run/netns/${place.name}`;
  return ['nsenter', `--net=${path}`, '--'];
}

export function runIn(place: Place, words: readonly string[], input = ''): Promise<string> {
  const [command = '', ...args] = [...enter(place), ...words];
  return run(command, args, input);
}
