import { parseArgs } from 'node:util';
import { KraudError } from '@kraud/base';

export const usage = `Usage: kraudd --data-dir DIR [--docker unix:///path.sock] [--config FILE] [--log-level LEVEL]

  --data-dir DIR        where everything is kept (default /var/lib/kraud)
  --docker ADDRESS      where the Docker API listens (default unix://DIR/docker.sock)
  --config FILE         limits and defaults, YAML or JSON
  --log-level LEVEL     debug, info, warn or error (default info)
  --version             print the version and end
  --help                print this and end
`;

/** The command line, as typed. */
export interface Flags {
  dataDir?: string;
  docker?: string;
  config?: string;
  logLevel?: string;
  version: boolean;
  help: boolean;
}

export function parseFlags(args: readonly string[]): Flags {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        'data-dir': { type: 'string' },
        docker: { type: 'string' },
        config: { type: 'string' },
        'log-level': { type: 'string' },
        version: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
      allowPositionals: false,
    });
    return {
      ...(values['data-dir'] !== undefined ? { dataDir: values['data-dir'] } : {}),
      ...(values.docker !== undefined ? { docker: values.docker } : {}),
      ...(values.config !== undefined ? { config: values.config } : {}),
      ...(values['log-level'] !== undefined ? { logLevel: values['log-level'] } : {}),
      version: values.version,
      help: values.help,
    };
  } catch (error) {
    throw new KraudError('invalid', `${error instanceof Error ? error.message : error}\n\n${usage}`);
  }
}
