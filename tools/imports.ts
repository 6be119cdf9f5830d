/**
 * What a TypeScript file imports, by the text: static imports, re-exports, bare imports and `import()` of a literal.
 *
 *   import { a } from './a.ts'       ./a.ts
 *   export * from '@kraud/base'      @kraud/base
 *   import 'x'                       x
 *   await import('y')                y
 */
export function importsOf(source: string): string[] {
  const text = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const patterns = [
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm,
    /^\s*import\s*['"]([^'"]+)['"]/gm,
    /\bimport\(\s*['"]([^'"]+)['"]/g,
  ];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] ?? ''));
}

/**
 * The npm package that a specifier belongs to.
 *
 *   typebox/compile    typebox
 *   @scope/name/sub    @scope/name
 */
export function externalName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
