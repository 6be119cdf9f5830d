import { KraudError } from '@kraud/base';

/**
 * Splits `a=1 b="two words"` into pairs; quotes and backslashes as in a Dockerfile.
 * `key value with spaces` (no `=` in the first word) is one pair, as ENV's old form has it.
 */
export function parsePairs(
  instruction: string,
  text: string,
  lookup: (name: string) => string | undefined,
): [string, string][] {
  const words = splitWords(text);
  const first = words[0];
  if (first === undefined) throw new KraudError('invalid', `${instruction} requires at least one argument`);
  if (!first.includes('=')) {
    const match = /^(\S+)\s+([\s\S]*)$/.exec(text.trim());
    if (!match) throw new KraudError('invalid', `${instruction} must have two arguments`);
    return [[match[1] ?? '', substitute(match[2] ?? '', lookup)]];
  }
  return words.map((word) => {
    const equals = word.indexOf('=');
    if (equals < 1)
      throw new KraudError(
        'invalid',
        `Syntax error - can't find = in "${word}". Must be of the form: name=value`,
      );
    return [substitute(word.slice(0, equals), lookup), substitute(word.slice(equals + 1), lookup)];
  });
}

/** Words with their quotes still on. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  let inWord = false;
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i] ?? '';
    if (quote === '' && /\s/.test(char)) {
      if (inWord) words.push(word);
      word = '';
      inWord = false;
      continue;
    }
    inWord = true;
    word += char;
    if (char === '\\' && quote !== "'" && i + 1 < text.length) {
      i += 1;
      word += text[i];
    } else if (quote === char) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
  }
  if (inWord) words.push(word);
  return words;
}

/**
 * Takes quotes and backslashes away as a shell would, and puts in `$NAME`, `${NAME}`, `${NAME:-word}` and
 * `${NAME:+word}`, except in single quotes.
 */
export function substitute(text: string, lookup: (name: string) => string | undefined): string {
  let result = '';
  let quote = '';
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i] ?? '';
    if (char === '\\' && quote !== "'") {
      const next = text[i + 1];
      // Inside double quotes a backslash only protects what would otherwise mean something.
      if (next === undefined || (quote === '"' && !/["$\\]/.test(next))) result += char;
      else {
        result += next;
        i += 1;
      }
    } else if (quote === char) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (char === '$' && quote !== "'") {
      const { value, length } = variable(text.slice(i), lookup);
      result += value;
      i += length - 1;
    } else result += char;
  }
  return result;
}

function variable(
  text: string,
  lookup: (name: string) => string | undefined,
): { value: string; length: number } {
  const plain = /^\$([A-Za-z_]\w*)/.exec(text);
  if (plain) return { value: lookup(plain[1] ?? '') ?? '', length: plain[0].length };
  const braced = /^\$\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\}/.exec(text);
  if (!braced) {
    if (text.startsWith('${'))
      throw new KraudError('invalid', `unsupported modifier in substitution: ${text.slice(0, 50)}`);
    return { value: '$', length: 1 };
  }
  const [whole, name = '', modifier, word = ''] = braced;
  const value = lookup(name) ?? '';
  if (modifier === '-')
    return { value: value === '' ? substitute(word, lookup) : value, length: whole.length };
  if (modifier === '+') return { value: value === '' ? '' : substitute(word, lookup), length: whole.length };
  return { value, length: whole.length };
}
