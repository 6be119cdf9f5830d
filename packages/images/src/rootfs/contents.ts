import type { ByteStream } from '../contract.ts';
import { ByteReader } from '../tar/bytes.ts';
import type { MergedTree, TreeNode } from './tree.ts';
import type { RootfsWriter } from './writer.ts';

const chunkBytesMax = 1 << 20;

/**
 * Gives the writer every file that is visible in the image, layer by layer in the order in which the layers
 * have them, so that each is read once from front to back, and not at all if nothing of it is visible.
 */
export async function writeContents(
  tree: MergedTree,
  openLayer: (layer: number) => ByteStream,
  writer: RootfsWriter,
): Promise<void> {
  for (const [layer, nodes] of visibleFiles(tree)) {
    const reader = new ByteReader(openLayer(layer));
    try {
      for (const node of nodes) {
        for (const extent of node.extents) {
          await reader.skip(extent.at - reader.position, 'a file');
          for (let done = 0; done < extent.length; ) {
            const chunk = await reader.exactly(Math.min(chunkBytesMax, extent.length - done), 'a file');
            if (!chunk) break;
            await writer.write(node, extent.offset + done, chunk);
            done += chunk.length;
          }
        }
        await writer.endFile(node);
      }
    } finally {
      await reader.close();
    }
  }
}

/** In the order of layers, and of places in their tar. A file has its content in one layer only. */
export function visibleFiles(tree: MergedTree): Map<number, TreeNode[]> {
  const byLayer = new Map<number, TreeNode[]>();
  for (const { node, again } of tree.walk()) {
    if (again !== undefined || node.extents.length === 0) continue;
    const nodes = byLayer.get(node.layer);
    if (nodes) nodes.push(node);
    else byLayer.set(node.layer, [node]);
  }
  const start = (node: TreeNode): number => node.extents[0]?.at ?? 0;
  for (const nodes of byLayer.values()) nodes.sort((a, b) => start(a) - start(b));
  return new Map([...byLayer].sort(([a], [b]) => a - b));
}
