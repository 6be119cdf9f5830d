import { assert } from '@kraud/base';
import type { BodyRow } from './rows.ts';

/** Rows as a tree, made once per operation. Field names are found without regard to case, as Go finds them. */
export type Node =
  | { readonly kind: 'leaf'; readonly row: BodyRow }
  | { readonly kind: 'object'; readonly fields: Map<string, { name: string; node: Node }> }
  | { readonly kind: 'list'; of: Node }
  | { readonly kind: 'map'; of: Node };

type Open = { node: Node | undefined };

export function treeOf(rows: readonly BodyRow[]): Node {
  const root: Open = { node: undefined };
  for (const row of rows)
    insert(
      root,
      row.path.split(/(\[\]|\{\}|\.)/).filter((t) => t !== '' && t !== '.'),
      row,
    );
  return root.node ?? { kind: 'object', fields: new Map() };
}

function insert(open: Open, tokens: readonly string[], row: BodyRow): void {
  const [token, ...rest] = tokens;
  if (token === undefined) {
    assert(open.node === undefined, `${row.path} stands twice in the table`);
    open.node = { kind: 'leaf', row };
    return;
  }
  if (token === '[]' || token === '{}') {
    const kind = token === '[]' ? 'list' : 'map';
    const inner: Open = { node: undefined };
    if (open.node) {
      assert(open.node.kind === kind, `${row.path} contradicts another row`);
      inner.node = open.node.of;
    }
    insert(inner, rest, row);
    assert(inner.node, 'a row makes a node');
    if (open.node && open.node.kind === kind) open.node.of = inner.node;
    else open.node = { kind, of: inner.node };
    return;
  }
  open.node ??= { kind: 'object', fields: new Map() };
  assert(open.node.kind === 'object', `${row.path} contradicts another row`);
  const known = open.node.fields.get(token.toLowerCase());
  const inner: Open = { node: known?.node };
  insert(inner, rest, row);
  assert(inner.node, 'a row makes a node');
  if (!known) open.node.fields.set(token.toLowerCase(), { name: token, node: inner.node });
}
