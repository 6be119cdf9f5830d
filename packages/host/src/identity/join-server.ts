import { hash } from 'node:crypto';
import type { ServerHttp2Stream } from 'node:http2';
import { type Clock, codeOf, type ErrorCode, type Logger, messageOf } from '@kraud/base';
import { checkName, defaultNamespace, defaultTenant } from '@kraud/macro';
import { formatAddress, parseAddress } from './address.ts';
import { readText } from './ask.ts';
import { Attempts } from './attempts.ts';
import type { Authority } from './authority.ts';
import type { SharedStore } from './files.ts';
import type { LocalIdentity } from './identity.ts';
import type { JoinTokens } from './join-tokens.ts';
import { authorityPath, type JoinReply, joinPath, parseJoinRequest } from './join-wire.ts';
import { keyOfRequest } from './key.ts';
import type { PeerLimits } from './limits.ts';
import type { TlsPeerListener } from './listener.ts';
import type { Members } from './members.ts';

export interface JoinServerParts {
  readonly authority: Pick<Authority, 'trusted' | 'cloud' | 'issue'>;
  /** What this host shows: a joiner can verify it by the root that signed that, whichever signs by now. */
  readonly identity: Pick<LocalIdentity, 'issuer'>;
  readonly tokens: JoinTokens;
  readonly members: Pick<Members, 'add'>;
  /** Given to whoever has shown a good token, and to nobody else. */
  readonly store: SharedStore;
  readonly clock: Clock;
  readonly limits: PeerLimits;
  readonly logger: Logger;
}

const statusOf: Partial<Record<ErrorCode, number>> = {
  invalid: 400,
  unauthenticated: 401,
  exists: 409,
  exhausted: 429,
};

/** Lets machines with a token join, on the port where hosts talk to each other. */
export function serveJoins(listener: Pick<TlsPeerListener, 'handleOpen'>, parts: JoinServerParts): void {
  const attempts = new Attempts(parts.clock, parts.limits.wrongTokensPerMinuteMax);
  listener.handleOpen(authorityPath, (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/x-pem-file' });
    stream.end(parts.identity.issuer);
  });
  let underWay = 0;
  listener.handleOpen(joinPath, (stream, _headers, from) => {
    if (underWay >= parts.limits.joinsMax) {
      return answer(stream, 429, { code: 'exhausted', message: 'too many join at one time; try again' });
    }
    underWay += 1;
    stream.once('close', () => {
      underWay -= 1;
    });
    stream.setTimeout(parts.limits.joinTimeoutMs, () => stream.destroy());
    admit(stream, from, attempts, parts).then(
      (reply) => answer(stream, 200, reply),
      (error: unknown) => {
        const [code, message] = [codeOf(error), messageOf(error)];
        // What is counted out already would only fill the log.
        const level = code === 'exhausted' ? 'debug' : 'warn';
        parts.logger[level]({ from, code, error: message }, 'a host was not let in');
        answer(stream, statusOf[code] ?? 503, { code, message });
      },
    );
  });
}

async function admit(
  stream: ServerHttp2Stream,
  from: string,
  attempts: Attempts,
  parts: JoinServerParts,
): Promise<JoinReply> {
  const { authority, tokens, members, store, logger } = parts;
  attempts.check(from);
  const wanted = parseJoinRequest(await readText(stream, parts.limits.joinBodyBytesMax));
  const role = await tokens.check(wanted.token).catch((error: unknown) => {
    if (codeOf(error) === 'unauthenticated' || codeOf(error) === 'invalid') attempts.fail(from);
    throw error;
  });
  const { name } = wanted;
  checkName('Host', { tenant: defaultTenant, namespace: defaultNamespace, name });
  const { ip, port } = parseAddress('--listen', wanted.address);
  const key = await keyOfRequest(wanted.request);
  await members.add(name, hash('sha256', Buffer.from(key), 'hex'));
  const cert = await authority.issue(wanted.request, { name, ip });
  logger.info({ host: name, address: formatAddress({ ip, port }), from }, 'a host joins');
  return { cert, ca: authority.trusted, cloud: authority.cloud, store, role };
}

function answer(stream: ServerHttp2Stream, status: number, body: object): void {
  if (stream.destroyed) return;
  stream.respond({ ':status': status, 'content-type': 'application/json' });
  stream.end(JSON.stringify(body));
}
