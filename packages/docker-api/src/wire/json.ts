import { HttpFault } from '../errors.ts';

/** The parser's words for what went wrong, and what Go's says of the same; both point at one character. */
const words: readonly (readonly [RegExp, string])[] = [
  [/^Expected property name|^Expected double-quoted/, 'looking for beginning of object key string'],
  [/^Expected ':'/, 'after object key'],
  [/^Expected ',' or '}'/, 'after object key:value pair'],
  [/^Expected ',' or '\]'/, 'after array element'],
  [/^Bad control character/, 'in string literal'],
  [/^Bad escaped character|^Bad Unicode escape/, 'in string escape code'],
];

/** Reads a request's body. What is wrong with it is said as dockerd says it, which clients' tests compare. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HttpFault(400, faultOf(text, error instanceof Error ? error.message : String(error)));
  }
}

function faultOf(text: string, message: string): string {
  if (message.startsWith('Unexpected non-whitespace character after JSON'))
    return 'unexpected content after JSON';
  const at = / at position (\d+)/.exec(message)?.[1];
  const seen = at === undefined ? /^Unexpected token '(.)'/su.exec(message)?.[1] : text[Number(at)];
  if (seen === undefined) return 'invalid JSON: unexpected EOF';
  const where = words.find(([pattern]) => pattern.test(message))?.[1] ?? 'looking for beginning of value';
  return `invalid JSON: invalid character '${seen}' ${where}`;
}
