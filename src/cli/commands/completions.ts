/** `skerry completions SHELL`: prints a script that asks Skerry itself what could stand at the end of a line. */
import { COMPLETE_WORD } from "../complete.ts";
import { defineCommand, type NoFlags } from "../command.ts";
import { EXIT } from "../exit.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

type Shell = (typeof SHELLS)[number];

export default defineCommand<NoFlags, [Shell]>({
  parameters: {
    positional: {
      kind: "tuple",
      parameters: [
        {
          brief: "bash, zsh or fish",
          placeholder: "shell",
          parse: (word: string) => {
            const shell = SHELLS.find((name) => name === word);
            if (shell === undefined) throw new Error(`there are: ${SHELLS.join(", ")}`);
            return shell;
          },
          proposeCompletions: (partial: string) => SHELLS.filter((name) => name.startsWith(partial)),
        },
      ],
    },
  },
  description: [
    "The script has to be read by your shell:",
    '  bash   put `eval "$(skerry completions bash)"` into ~/.bashrc',
    "  zsh    put `source <(skerry completions zsh)` into ~/.zshrc, after compinit",
    "  fish   skerry completions fish > ~/.config/fish/completions/skerry.fish",
  ].join("\n"),
  examples: ["completions bash"],
  async run(world, _flags, shell) {
    world.process.stdout.write(SCRIPTS[shell]);
    return EXIT.done;
  },
});

/** Where Skerry proposes nothing, each shell goes on with file names. */
const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# Completion of skerry for bash.
_skerry() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    line=\${line%%$'\\t'*}
    [[ $line == "\${COMP_WORDS[COMP_CWORD]}"* ]] && COMPREPLY+=("$line")
  done < <("\${COMP_WORDS[0]}" ${COMPLETE_WORD} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _skerry skerry
`,
  zsh: `#compdef skerry
# Completion of skerry for zsh.
_skerry() {
  local line
  local -a proposals
  for line in "\${(@f)$("\${words[1]}" ${COMPLETE_WORD} "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && proposals+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( \${#proposals} )); then _describe skerry proposals; else _files; fi
}
compdef _skerry skerry
`,
  fish: `# Completion of skerry for fish.
function __skerry_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    $program ${COMPLETE_WORD} $words (commandline -ct) 2>/dev/null
end
complete -c skerry -a '(__skerry_complete)'
`,
};
