import { compactId } from '@kraud/base';
import type { Config, Secret } from '@kraud/cloud';
import type { Source } from './source.ts';

export function sourceOf({ showsData }: Source, file: Secret | Config): Record<string, unknown> {
  const { meta, spec, status } = file;
  return {
    ID: compactId(meta.uid),
    Version: { Index: meta.revision ?? 0 },
    CreatedAt: meta.createdAt,
    UpdatedAt: status.updatedAt ?? meta.createdAt,
    Spec: {
      Name: meta.name,
      Labels: meta.labels,
      ...(showsData ? { Data: spec.data } : {}),
      ...(spec.templated ? { Templating: { Name: 'golang' } } : {}),
    },
  };
}
