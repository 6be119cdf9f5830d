import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Command } from 'commander';

interface Options {
  from: string;
  to: string;
  storeCa?: string;
  storeCert?: string;
  storeKey?: string;
}

export function storeCommands(program: Command, globals: () => { json: boolean }): void {
  program
    .command('store')
    .description('the place where the state is kept')
    .command('migrate')
    .description('move the state of a cloud whose daemon is stopped; its pods go on')
    .requiredOption('--from <place>', 'a data directory, or etcd://host:port,…')
    .requiredOption('--to <place>', 'a data directory, or etcd://host:port,…; must hold no cloud')
    .option('--store-ca <file>', 'reach etcd by TLS: the certificates of who signs for it')
    .option('--store-cert <file>', 'our own certificate there, with --store-key')
    .option('--store-key <file>', 'its key')
    .action((options: Options) => migrate(options, globals().json));
}

/** The daemon's part does it: `kra` itself knows no store. */
async function migrate(options: Options, json: boolean): Promise<void> {
  const main = join(import.meta.dirname, '../../../daemon/src/migrate-main.ts');
  const given: [string, string | undefined][] = [
    ['--from', options.from],
    ['--to', options.to],
    ['--store-ca', options.storeCa],
    ['--store-cert', options.storeCert],
    ['--store-key', options.storeKey],
  ];
  const args = given.flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
  const child = spawn(process.execPath, [main, ...args, ...(json ? ['--json'] : [])], { stdio: 'inherit' });
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
