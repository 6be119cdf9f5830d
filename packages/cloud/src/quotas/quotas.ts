import { KraudError } from '@kraud/base';
import { type Band, bands, type Quota, type Tenant } from '@kraud/macro';
import { parseBand } from '../admission/band.ts';
import { usedIn } from '../admission/quota.ts';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { tenantOf, useOf } from './admit.ts';
import type { Quotas, QuotaView } from './contract.ts';

export class QuotaUseCases implements Quotas {
  readonly #parts: CloudParts;

  constructor(parts: CloudParts) {
    this.#parts = parts;
  }

  async list(caller: Caller): Promise<QuotaView[]> {
    const { tenants } = this.#parts;
    const visible = caller.local ? tenants.everywhere() : tenants.list(caller.tenant);
    const sorted = visible.sort((a, b) => (a.meta.name < b.meta.name ? -1 : 1));
    return sorted.flatMap((tenant) => bands.map((band) => this.#view(tenant, band)));
  }

  async set(caller: Caller, name: string, bandName: string, quota: Quota): Promise<QuotaView> {
    if (!caller.local)
      throw new KraudError('forbidden', 'only the owner of the local socket may set a quota');
    const band = parseBand(bandName);
    const found = tenantOf(this.#parts, name);
    if (!found) throw new KraudError('not-found', `no tenant ${name}`);
    const tenant = await this.#parts.tenants.mutate(found.meta, (present) => {
      const { [band]: _, ...others } = present.spec.quota ?? {};
      const limited = Object.keys(quota).length > 0;
      return {
        ...present,
        spec: { ...present.spec, quota: limited ? { ...others, [band]: quota } : others },
      };
    });
    return this.#view(tenant, band);
  }

  #view(tenant: Tenant, band: Band): QuotaView {
    const { name } = tenant.meta;
    return {
      tenant: name,
      band,
      limit: tenant.spec.quota?.[band] ?? {},
      used: usedIn(band, useOf(this.#parts, name)),
    };
  }
}
