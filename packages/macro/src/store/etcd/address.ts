import { KraudError } from '@kraud/base';

/** Where an etcd cluster is, and below which of its keys everything is kept. */
export interface EtcdAddress {
  /** `host:port`, at least one. */
  readonly endpoints: readonly string[];
  /** Without a slash at its end. */
  readonly prefix: string;
}

const portDefault = 2379;
const prefixDefault = '/kraud';
const endpointPattern = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/;
const prefixPattern = /^(\/[A-Za-z0-9._-]+)+$/;

/**
 * | address                        | endpoints                | prefix     |
 * | ------------------------------ | ------------------------ | ---------- |
 * | `etcd://h1:2379,h2:2380`       | `h1:2379`, `h2:2380`     | `/kraud`   |
 * | `etcd://[::1]/test/1`          | `[::1]:2379`             | `/test/1`  |
 */
export function parseEtcdAddress(address: string): EtcdAddress {
  const match = /^etcd:\/\/([^/]*)(\/.*)?$/.exec(address);
  if (!match)
    throw new KraudError('invalid', `the store's address must be etcd://host:port,…, not '${address}'`);
  const [, hosts = '', path = '/'] = match;
  const prefix = path === '/' ? prefixDefault : path;
  if (!prefixPattern.test(prefix)) {
    throw new KraudError('invalid', `the store's prefix must be like /kraud or /a/b, not '${prefix}'`);
  }
  return { endpoints: hosts.split(',').map(parseEndpoint), prefix };
}

function parseEndpoint(text: string): string {
  const match = endpointPattern.exec(text);
  const port = Number(match?.[2] ?? portDefault);
  if (!match || port < 1 || port > 65_535) {
    throw new KraudError('invalid', `the store's address has '${text}' where host:port should be`);
  }
  return `${match[1]}:${port}`;
}
