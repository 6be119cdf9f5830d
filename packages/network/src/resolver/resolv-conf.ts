import { isIP, isIPv4 } from 'node:net';

/** What `/etc/resolv.conf` says, as far as we understand it; the rest is skipped, as the C library does. */
export interface ResolvConf {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let search: string[] = [];
  const options: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === 'nameserver' && values[0] !== undefined && isIP(values[0].replace(/%.*$/, '')) !== 0) {
      servers.push(values[0]);
    } else if (keyword === 'search' || keyword === 'domain') search = values;
    else if (keyword === 'options') options.push(...values);
  }
  return { servers, search, options };
}

/** Servers that a pod can ask itself: not the host's own loopback, and IPv4 as long as pods have nothing else. */
export function reachableByPods(conf: ResolvConf): string[] {
  return conf.servers.filter((s) => isIPv4(s) && !s.startsWith('127.') && s !== '0.0.0.0');
}
