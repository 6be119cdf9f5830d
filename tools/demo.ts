import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forgetSubnets } from '../bench/forget-subnets.ts';

/**
 * The main job, shown once: a one-host cloud on a temporary directory, an image made offline from the machine's
 * static busybox, and a container in its own microVM, all through the docker CLI.
 */

const root = join(import.meta.dirname, '..');
const docker = 'docker';
const cacheBin = join(process.env.KRAUD_CACHE ?? '/var/cache/kraud', 'bin');
const dir = mkdtempSync(join(tmpdir(), 'kraud-demo-'));
const socket = join(dir, 'docker.sock');
const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: join(dir, 'client') };

interface LedgerEntry {
  phase: string;
  startMs: number;
  endMs: number;
}

function run(command: string, args: string[], options: { input?: Buffer; quiet?: boolean } = {}): string {
  const result = spawnSync(command, args, { env, input: options.input, maxBuffer: 64 * 1024 * 1024 });
  if (result.error) throw result.error;
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${result.stderr.toString().trim()}`);
  return result.stdout.toString();
}

function kra(...args: string[]): string {
  return run(join(root, 'bin/kra'), ['--data-dir', dir, '--docker', `unix://${socket}`, ...args]);
}

/** What the user would type, and what comes back. */
function show(args: string[]): string {
  console.log(`\n$ docker ${args.map((arg) => (/\s/.test(arg) ? `'${arg}'` : arg)).join(' ')}`);
  const output = run(docker, args);
  process.stdout.write(output);
  return output;
}

function busyboxTar(): Buffer {
  const tree = join(dir, 'busybox');
  mkdirSync(join(tree, 'bin'), { recursive: true });
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => spawnSync(path, ['true']).status === 0);
  if (!busybox) throw new Error('no busybox on this machine; make setup installs Debian’s busybox-static');
  run('cp', [busybox, join(tree, 'bin/busybox')]);
  for (const applet of run(busybox, ['--list']).split('\n')) {
    if (applet !== '' && applet !== 'busybox') run('ln', ['-s', 'busybox', join(tree, 'bin', applet)]);
  }
  const tar = spawnSync('tar', ['--owner=0', '--group=0', '--numeric-owner', '-C', tree, '-c', '.'], {
    maxBuffer: 64 * 1024 * 1024,
  });
  rmSync(tree, { recursive: true });
  return tar.stdout;
}

function chart(ledger: LedgerEntry[]): string {
  const end = Math.max(...ledger.map((entry) => entry.endMs));
  const width = 46;
  return ledger
    .map(({ phase, startMs, endMs }) => {
      const from = Math.round((startMs / end) * width);
      const length = Math.max(1, Math.round(((endMs - startMs) / end) * width));
      const bar = `${' '.repeat(from)}${'█'.repeat(length)}`.slice(0, width + 1).padEnd(width + 1);
      return `  ${phase.padEnd(8)} ${bar} ${(endMs - startMs).toFixed(1).padStart(7)} ms`;
    })
    .join('\n');
}

async function demo(): Promise<void> {
  console.log(`Starting a one-host cloud in ${dir}`);
  kra('up');
  const host = JSON.parse(kra('--json', 'host')) as {
    accelerator: string;
    reason: string;
    warmSlotsMax: number;
  };
  console.log(`Accelerator: ${host.accelerator} (${host.reason})`);

  console.log(
    '\n$ docker import busybox.tar demo/busybox        (made here, from this machine’s static busybox)',
  );
  run(docker, ['import', '--change', 'CMD ["sh"]', '-', 'demo/busybox'], { input: busyboxTar() });
  show(['images']);
  show(['run', '--rm', 'demo/busybox', 'echo', 'hello from a microVM']);
  await warm(host.warmSlotsMax);
  show(['run', '--name', 'demo', 'demo/busybox', 'echo', 'hello again, from a warm slot']);
  const ledger = JSON.parse(
    run(docker, ['inspect', '--format', '{{json .Kraud.Ledger}}', 'demo']),
  ) as LedgerEntry[];

  const guest = show(['run', '--rm', 'demo/busybox', 'uname', '-r']).trim();
  const hostKernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  console.log(`\n  guest kernel   ${guest}\n  host kernel    ${hostKernel}`);

  const total = Math.max(...ledger.map((entry) => entry.endMs));
  console.log(
    `\nBoot ledger of “demo”, from the start request to the program running: ${total.toFixed(0)} ms\n`,
  );
  console.log(chart(ledger));
  console.log('\nTo keep a daemon running and use it:\n');
  console.log('  bin/kra up');
  if (run('sh', ['-c', 'command -v docker']).startsWith(cacheBin))
    console.log(`  export PATH=$PATH:${cacheBin}    # for its docker CLI`);
  console.log('  export DOCKER_HOST=unix:///var/lib/kraud/docker.sock\n');
}

/** Waits until the daemon has a slot ready again, or has said that it keeps none. */
async function warm(slotsMax: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (slotsMax > 0 && Date.now() < deadline) {
    const { warmSlots } = JSON.parse(kra('--json', 'host')) as { warmSlots: number };
    if (warmSlots > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function cleanUp(): void {
  spawnSync(docker, ['rm', '-f', 'demo'], { env });
  spawnSync(join(root, 'bin/kra'), ['--data-dir', dir, '--docker', `unix://${socket}`, 'down'], { env });
  forgetSubnets(dir);
  rmSync(dir, { recursive: true, force: true });
}

process.on('SIGINT', () => {
  cleanUp();
  process.exit(130);
});
try {
  await demo();
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : error}`);
  spawn('tail', ['-n', '20', join(dir, 'kraudd.log')], { stdio: ['ignore', 'inherit', 'inherit'] });
  await new Promise((resolve) => setTimeout(resolve, 300));
  process.exitCode = 1;
} finally {
  cleanUp();
}
