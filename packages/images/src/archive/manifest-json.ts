import { asArray, asObject, asText, optional } from '../image/json.ts';
import { Reference } from '../reference/reference.ts';

/** One image in the `manifest.json` of a `docker save` archive. Paths are names in the archive. */
export interface SavedItem {
  readonly config: string;
  readonly layers: readonly string[];
  readonly names: readonly Reference[];
}

export function parseManifestJson(value: unknown): readonly SavedItem[] {
  return asArray(value, 'manifest.json').map((item) => {
    const object = asObject(item, 'an image in manifest.json');
    const tags = optional(object.RepoTags, (value) => asArray(value, 'RepoTags')) ?? [];
    return {
      config: asText(object.Config, 'Config'),
      layers: (optional(object.Layers, (value) => asArray(value, 'Layers')) ?? []).map((path) =>
        asText(path, 'Layers'),
      ),
      names: tags.map((tag) => Reference.parse(asText(tag, 'RepoTags')).withDefaultTag()),
    };
  });
}

export function encodeManifestJson(items: readonly SavedItem[]): string {
  return JSON.stringify(
    items.map(({ config, layers, names }) => ({
      Config: config,
      RepoTags: names.length === 0 ? null : names.map((name) => name.familiar()),
      Layers: layers,
    })),
  );
}
