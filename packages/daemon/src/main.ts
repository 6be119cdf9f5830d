import { messageOf } from '@kraud/base';
import { readConfig } from './config.ts';
import { Daemon } from './daemon.ts';
import { parseFlags, usage } from './flags.ts';
import { openLog } from './log.ts';
import { version } from './version.ts';

/** Environment and flags to config, config to a daemon, signals to its end. Nothing else happens here. */
async function main(): Promise<void> {
  const flags = parseFlags(process.argv.slice(2));
  if (flags.help) return void process.stdout.write(usage);
  if (flags.version) return void process.stdout.write(`kraudd ${version}\n`);
  const config = readConfig(flags, process.env);
  const logger = openLog(config.logLevel);
  process.on('unhandledRejection', (error) => {
    logger.error(
      { error: messageOf(error), stack: error instanceof Error ? error.stack : '' },
      'a bug: a failure nobody handled',
    );
  });
  const daemon = await Daemon.start(config, logger);
  logger.info({ socket: config.dockerSocket, dataDir: config.dataDir }, 'ready');
  const signal = await new Promise<string>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name));
  });
  logger.info({ signal }, 'drains; pods go on');
  await daemon.stop();
}

try {
  await main();
  process.exit(0);
} catch (error) {
  process.stderr.write(`kraudd: ${messageOf(error)}\n`);
  process.exit(1);
}
