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
  --name NAME           this host's name in its cloud (default the machine's hostname)
  --listen IP:PORT      where the other hosts of the cloud reach this one
  --join TOKEN@ADDRESS:PORT
                        join the cloud that has a host there; the line is printed by: kra host join-token
  --label KEY=VALUE     a label of this host, such as kr.zone=a; may be given more than once
  --log-level LEVEL     debug, info, warn or error (default info)
  --version             print the version and end
  --help                print this and end
`;

/** The command line, as typed. */
export interface Flags {
  dataDir?: string;
  docker?: string;
  config?: string;
  name?: string;
  listen?: string;
  join?: string;
  labels?: string[];
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
        name: { type: 'string' },
        listen: { type: 'string' },
        join: { type: 'string' },
        label: { type: 'string', multiple: true },
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
      ...(values.name !== undefined ? { name: values.name } : {}),
      ...(values.listen !== undefined ? { listen: values.listen } : {}),
      ...(values.join !== undefined ? { join: values.join } : {}),
      ...(values.label !== undefined ? { labels: values.label } : {}),
      ...(values['log-level'] !== undefined ? { logLevel: values['log-level'] } : {}),
      version: values.version,
      help: values.help,
    };
  } catch (error) {
    throw new KraudError('invalid', `${error instanceof Error ? error.message : error}\n\n${usage}`);
  }
}
