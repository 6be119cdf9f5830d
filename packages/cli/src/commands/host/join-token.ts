import { parseDurationMs } from '@kraud/base';
import { askKra } from '../../kra-client.ts';
import type { Output } from './view.ts';

interface JoinToken {
  token: string;
  address: string;
  expiresAt: string;
}

/** Prints the line to type on the machine that is to join. */
export async function makeJoinToken(
  options: Output & { ttl?: string | undefined; rotate: boolean },
): Promise<void> {
  const body = {
    ...(options.ttl === undefined ? {} : { ttlMs: parseDurationMs(options.ttl) }),
    ...(options.rotate ? { rotate: true } : {}),
  };
  const made = await askKra<JoinToken>(options.socket, { method: 'POST', path: '/join-tokens', body });
  if (options.json) return console.log(JSON.stringify(made));
  if (options.rotate) console.log('Every join token given before has ended.');
  console.log('On the machine that is to join, as root:\n');
  console.log(`  kraudd --join ${made.token}@${made.address} --listen IP:PORT\n`);
  console.log(`IP:PORT is where its other hosts reach it. The token is valid until ${made.expiresAt}.`);
}
