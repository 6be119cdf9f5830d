import { flushCompileCache } from 'node:module';
import { type Logger, messageOf, systemClock } from '@kraud/base';
import { createDockerApi } from '@kraud/docker-api';
import { readConfig } from './config.ts';
import { Daemon, type End } from './daemon.ts';
import { parseFlags, usage } from './flags.ts';
import { openLog } from './log.ts';
import { version } from './version.ts';

/**
 * Environment and flags to config, config to a daemon, signals to its end. A host that goes over to another cloud has
 * one daemon after the other in the same process: its clients keep their socket.
 */
export async function kraudd(): Promise<void> {
  const flags = parseFlags(process.argv.slice(2));
  if (flags.help) return void process.stdout.write(usage);
  if (flags.version) return void process.stdout.write(`kraudd ${version}\n`);
  const config = readConfig(flags, process.env);
  const logger = openLog(config.logLevel);
  watchForBugs(logger);
  const stopped = new Promise<End>((resolve) => {
    for (const reason of ['SIGTERM', 'SIGINT'] as const) {
      process.once(reason, () => resolve({ reason, again: false, keepVms: true }));
    }
  });
  const api = createDockerApi({ clock: systemClock, logger, limits: config.docker, version });
  try {
    for (let again = true; again; ) {
      const daemon = await Daemon.start(config, { api, logger });
      const { dockerSocket: socket, dataDir } = config;
      logger.info({ socket, dataDir, pid: process.pid, version }, 'ready');
      // A daemon that is killed later leaves it to the next one all the same.
      flushCompileCache();
      const end = await Promise.race([stopped, daemon.ended]);
      logger.info({ reason: end.reason }, end.keepVms ? 'drains; pods go on' : 'drains');
      await daemon.stop(end);
      again = end.again;
    }
  } finally {
    await api.close();
  }
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
