import { KraudError } from '@kraud/base';
import { formatAddress, type PeerAddress } from './address.ts';
import type { Authority } from './authority.ts';
import type { CloudCa, JoinRole, JoinToken, Membership } from './contract.ts';
import type { JoinTokens } from './join-tokens.ts';
import type { Members } from './members.ts';

/** Tokens to join by, and who is out, for the use cases. */
export class CloudMembership implements Membership {
  readonly #authority: Pick<Authority, 'state' | 'rotation'>;
  readonly #tokens: JoinTokens;
  readonly #members: Members;
  readonly #address: string;
  readonly #obstacle: string | undefined;

  /** `obstacle` says why nobody could join with a token, and what to do about it. */
  constructor(parts: {
    authority: Pick<Authority, 'state' | 'rotation'>;
    tokens: JoinTokens;
    members: Members;
    address: PeerAddress;
    obstacle?: string | undefined;
  }) {
    this.#authority = parts.authority;
    this.#obstacle = parts.obstacle;
    this.#tokens = parts.tokens;
    this.#members = parts.members;
    this.#address = formatAddress(parts.address);
  }

  get ca(): CloudCa {
    return this.#authority.state;
  }

  async rotation(given?: { cert: string; key: string }): Promise<() => Promise<void>> {
    return await this.#authority.rotation(given);
  }

  async issueToken(ttlMs?: number, role?: JoinRole): Promise<JoinToken> {
    if (this.#obstacle !== undefined) throw new KraudError('conflict', this.#obstacle);
    return { ...(await this.#tokens.issue(ttlMs, role)), address: this.#address };
  }

  async revokeTokens(role?: JoinRole): Promise<void> {
    await this.#tokens.revoke(role);
  }

  async remove(name: string): Promise<void> {
    await this.#members.remove(name);
  }
}
