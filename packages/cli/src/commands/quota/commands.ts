import type { Command } from 'commander';
import { listQuotas } from './ls.ts';
import { setQuota } from './set.ts';

/** `kra quota` and what it can do. */
export function quotaCommands(program: Command, globals: () => { socket: string; json: boolean }): void {
  const quota = program.command('quota').description('limit what a tenant may use of each priority band');
  quota
    .command('ls')
    .description('list what tenants use, and their limits')
    .action(() => listQuotas(globals()));
  quota
    .command('set')
    .argument('<tenant>')
    .description('set the limits of a band; what is left out has none')
    .requiredOption('--band <band>', 'free, batch, production or system')
    .option('--cpus <number>', 'CPUs of all its pods together')
    .option('--memory <size>', 'memory of all its pods together, as 8g')
    .option('--pods <number>', 'pods at a time')
    .action((tenant: string, limits: { band: string; cpus?: string; memory?: string; pods?: string }) =>
      setQuota(tenant, limits, globals()),
    );
}
