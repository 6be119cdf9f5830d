import { parseArgs } from 'node:util';
import { KraudError } from '@kraud/base';

export const usage = `Usage: kraudd --data-dir DIR [--docker unix:///path.sock] [--config FILE] [--log-level LEVEL]

  --data-dir DIR        where everything is kept (default /var/lib/kraud)
  --docker ADDRESS      where the Docker API listens (default unix://DIR/docker.sock)
  --config FILE         limits and defaults, YAML or JSON
  --store ADDRESS       etcd://host:port,…[/prefix]: an etcd cluster that several hosts share, instead of DIR/store
  --store-ca FILE       reach it by TLS: the certificates (PEM) of who signs for it
  --store-cert FILE     our own certificate there, with --store-key
  --store-key FILE      its key
  --log-level LEVEL     debug, info, warn or error (default info)
  --version             print the version and end
  --help                print this and end
`;

/** The command line, as typed. */
export interface Flags {
  dataDir?: string;
  docker?: string;
  config?: string;
  store?: string;
  storeCa?: string;
  storeCert?: string;
  storeKey?: string;
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
        store: { type: 'string' },
        'store-ca': { type: 'string' },
        'store-cert': { type: 'string' },
        'store-key': { type: 'string' },
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
      ...(values.store !== undefined ? { store: values.store } : {}),
      ...(values['store-ca'] !== undefined ? { storeCa: values['store-ca'] } : {}),
      ...(values['store-cert'] !== undefined ? { storeCert: values['store-cert'] } : {}),
      ...(values['store-key'] !== undefined ? { storeKey: values['store-key'] } : {}),
      ...(values['log-level'] !== undefined ? { logLevel: values['log-level'] } : {}),
      version: values.version,
      help: values.help,
    };
  } catch (error) {
    throw new KraudError('invalid', `${error instanceof Error ? error.message : error}\n\n${usage}`);
  }
}
