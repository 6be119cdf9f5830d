import { formatAddress, type PeerAddress } from './address.ts';
import type { JoinToken, Membership } from './contract.ts';
import type { JoinTokens } from './join-tokens.ts';
import type { Members } from './members.ts';

/** Tokens to join by, and who is out, for the use cases. */
export class CloudMembership implements Membership {
  readonly #tokens: JoinTokens;
  readonly #members: Members;
  readonly #address: string;

  constructor(parts: { tokens: JoinTokens; members: Members; address: PeerAddress }) {
    this.#tokens = parts.tokens;
    this.#members = parts.members;
    this.#address = formatAddress(parts.address);
  }

  async issueToken(ttlMs?: number): Promise<JoinToken> {
    return { ...(await this.#tokens.issue(ttlMs)), address: this.#address };
  }

  async revokeTokens(): Promise<void> {
    await this.#tokens.revokeAll();
  }

  async remove(name: string): Promise<void> {
    await this.#members.remove(name);
  }
}
