import { messageOf } from '@kraud/base';
import { Command } from 'commander';
import pico from 'picocolors';
import { down } from './commands/down.ts';
import { hostCommands } from './commands/host/commands.ts';
import { quotaCommands } from './commands/quota/commands.ts';
import { setAsleep } from './commands/sleep.ts';
import { status } from './commands/status.ts';
import { storeCommands } from './commands/store-migrate.ts';
import { up } from './commands/up.ts';
import { showVersion } from './commands/version.ts';
import { explain } from './commands/why.ts';
import { dataDirDefault, socketOf } from './place.ts';

interface Options {
  dataDir: string;
  docker?: string;
  config?: string;
  json: boolean;
}

const program = new Command('kra')
  .description('The command line of Kraud')
  .option('--data-dir <dir>', 'the local daemon’s data directory', dataDirDefault)
  .option('--docker <address>', 'the daemon’s Docker address, unix:///path.sock')
  .option('--json', 'print JSON', false);

const globals = (): Options & { socket: string } => {
  const options = program.opts<Options>();
  return { ...options, socket: socketOf(options) };
};

program
  .command('version')
  .description('print the versions of kra and of the daemon')
  .action(() => showVersion(globals()));
hostCommands(program, globals);
storeCommands(program, globals);
quotaCommands(program, globals);
program
  .command('why')
  .argument('<pod>')
  .description('say why a pod is pending, refused, asleep, slow, moved, or runs where it runs')
  .action((pod: string) => explain(pod, globals()));
program
  .command('sleep')
  .argument('<pods...>')
  .description('let running pods sleep, as files without a VM, until somebody needs them')
  .action((pods: string[]) => setAsleep('sleep', pods, globals()));
program
  .command('wake')
  .argument('<pods...>')
  .description('wake pods that sleep; whatever needs one wakes it too')
  .action((pods: string[]) => setAsleep('wake', pods, globals()));
program
  .command('up')
  .description('start the local daemon in the background')
  .option('--config <file>', 'limits and defaults, YAML or JSON')
  .argument('[flags...]', 'after --, more flags of kraudd, such as --store, --listen or --join')
  .action((flags: string[], options: { config?: string }) =>
    up({ ...globals(), config: options.config, flags }),
  );
program
  .command('down')
  .description('end the local daemon; pods go on')
  .action(() => down(globals()));
program
  .command('status')
  .description('say whether the local daemon runs')
  .action(() => status(globals()));

try {
  await program.parseAsync();
} catch (error) {
  console.error(`${pico.red('error:')} ${messageOf(error)}`);
  process.exitCode = 1;
}
