import { type Clock, KraudError } from '@kraud/base';
import type { RegistryAuth } from '../contract.ts';
import { refusal } from '../registry/refusal.ts';
import { RegistrySession } from '../registry/session.ts';
import type { RegistrySettings } from '../registry/settings.ts';

/** Asks the registry whether it takes these credentials. Nothing of them is kept. */
export async function login(
  parts: { clock: Clock; registries: RegistrySettings },
  serverAddress: string,
  auth: RegistryAuth,
): Promise<{ identityToken?: string | undefined }> {
  const session = new RegistrySession(domainOf(serverAddress), {
    settings: parts.registries,
    clock: parts.clock,
    auth,
  });
  const response = await session.request({ method: 'GET', path: '/v2/' });
  if (response.status !== 200) throw await refusal(response, 'login attempt failed');
  response.discard();
  return { identityToken: session.identityToken };
}

/**
 * | server address                | domain      |
 * | ----------------------------- | ----------- |
 * | `` or Docker Hub's old `https://index.docker.io/v1/` | docker.io |
 * | `https://reg.example:5000/v2/` | reg.example:5000 |
 * | `reg.example`                 | reg.example |
 */
export function domainOf(serverAddress: string): string {
  const host = serverAddress.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  if (host === '' || host === 'index.docker.io' || host === 'registry-1.docker.io') return 'docker.io';
  if (!/^[\w.[\]:-]+$/.test(host))
    throw new KraudError('invalid', `invalid registry address: '${host.slice(0, 100)}'`);
  return host;
}
