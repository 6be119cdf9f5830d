import type { Band, Quota } from '@kraud/macro';
import type { Asked } from '../admission/quota.ts';
import type { Caller } from '../contract.ts';

/** What a tenant may use of a band, and what it uses. */
export interface QuotaView {
  readonly tenant: string;
  readonly band: Band;
  /** What is absent has no limit. */
  readonly limit: Quota;
  readonly used: Asked;
}

/** Quotas by tenant and band. Only the owner of the local socket may set them, and see those of other tenants. */
export interface Quotas {
  list(caller: Caller): Promise<QuotaView[]>;
  /** Replaces the quota of a band; an empty one takes it away. What runs goes on, whatever the quota. */
  set(caller: Caller, tenant: string, band: string, quota: Quota): Promise<QuotaView>;
}
