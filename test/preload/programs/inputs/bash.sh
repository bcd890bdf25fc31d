# Work of many kinds for bash; prints figures that depend on nothing but the rounds asked for.
set -eu
rounds=$1
trap 'echo "trap at exit, status $?"' EXIT
trap 'signals=$((signals + 1))' USR1
signals=0

arrays() {
    local -A table=()
    local -a list=()
    local i key
    for ((i = 0; i < 6000; i++)); do
        table[key$((i * 7919 % 6007))]="value $i"
        list+=("${table[key$((i * 7919 % 6007))]// /_}")
    done
    for key in "${!table[@]}"; do
        ((${#key} % 2)) || unset "table[$key]"
    done
    echo "arrays ${#table[@]} ${#list[@]} ${list[*]:5990:10}"
}

strings() {
    local text='' i
    for ((i = 0; i < 4000; i++)); do
        printf -v text '%s%05d:%s ' "${text: -2000}" "$i" "${text:0:i % 50}"
    done
    text=${text^^}
    [[ $text =~ ([0-9]+):([0-9: ]{4,9}) ]]
    echo "strings ${#text} ${BASH_REMATCH[1]} ${text//[^7]/}"
}

subshells() {
    local i sum=0
    for ((i = 0; i < 60; i++)); do
        sum=$((sum + $(echo "$((i * i))")))
        (cd / && unset sum && :) & wait $!
    done
    echo "subshells $sum"
}

pipelines() {
    for ((i = 0; i < 5000; i++)); do
        echo "$((i * 7919 % 5003)) line $i"
    done | sort -n | tee sorted.txt | while read -r number word rest; do
        ((number % 1000)) || echo "pipelines $number $word $rest"
    done
    mapfile -t lines < sorted.txt
    echo "pipelines ${#lines[@]}"
    cat <<-END
	here $(wc -l < sorted.txt)
	END
}

for ((round = 0; round < rounds; round++)); do
    arrays
    strings
    subshells
    pipelines
    for ((s = 0; s < 50; s++)); do kill -USR1 $$; done
done
echo "signals $signals"
