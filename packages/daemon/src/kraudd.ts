import { flushCompileCache } from 'node:module';
import { type Logger, messageOf } from '@kraud/base';
import { readConfig } from './config.ts';
import { Daemon } from './daemon.ts';
import { parseFlags, usage } from './flags.ts';
import { openLog } from './log.ts';
import { version } from './version.ts';

/** Environment and flags to config, config to a daemon, signals to its end. Nothing else happens here. */
export async function kraudd(): Promise<void> {
  const flags = parseFlags(process.argv.slice(2));
  if (flags.help) return void process.stdout.write(usage);
  if (flags.version) return void process.stdout.write(`kraudd ${version}\n`);
  const config = readConfig(flags, process.env);
  const logger = openLog(config.logLevel);
  watchForBugs(logger);
  const stopped = new Promise<string>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name));
  });
  const daemon = await Daemon.start(config, logger);
  logger.info({ socket: config.dockerSocket, dataDir: config.dataDir, pid: process.pid, version }, 'ready');
  // A daemon that is killed later leaves it to the next one all the same.
  flushCompileCache();
  const reason = await Promise.race([stopped, daemon.ended]);
  logger.info({ reason }, 'drains; pods go on');
  await daemon.stop();
  logger.info({}, 'ended');
}

/**
 * A promise that nobody looks after harms one request at most: it is told, and the daemon goes on. An exception out
 * of a callback may have left anything half done: the daemon ends, and the next one takes over from disk.
 */
function watchForBugs(logger: Logger): void {
  const detail = (error: unknown): Record<string, unknown> => ({
    error: messageOf(error),
    stack: error instanceof Error ? error.stack : undefined,
  });
  process.on('unhandledRejection', (error) => {
    logger.error(detail(error), 'a bug: a failure nobody handled');
  });
  process.on('uncaughtException', (error) => {
    logger.error(detail(error), 'a bug: the daemon ends; pods go on');
    process.exit(70);
  });
}
