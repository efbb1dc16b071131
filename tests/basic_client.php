<?php
// PHP's client with login and password (CURLOPT_USERPWD).
//
// usage: php basic_client.php BASE_URL LOGIN PASSWORD
//
// BASE_URL asks for a pair everywhere. Each step prints one line; the first that is not as it should be ends with exit code 1.

declare(strict_types=1);

function expect(string $what, bool $condition, mixed $seen): void
{
    echo ($condition ? "ok   $what" : "FAIL $what: " . var_export($seen, true)) . "\n";
    if (!$condition) {
        exit(1);
    }
}

function status(string $url, array $options): int
{
    $call = curl_init($url);
    curl_setopt_array($call, $options + [CURLOPT_RETURNTRANSFER => true, CURLOPT_PROXY => '', CURLOPT_TIMEOUT => 60]);
    curl_exec($call);
    return curl_getinfo($call, CURLINFO_RESPONSE_CODE);
}

[, $base, $login, $password] = $argv;
$status = status("$base/guest", []);
expect('a guest is refused', $status === 401, $status);
$status = status("$base/wrong", [CURLOPT_USERPWD => "$login:not the password"]);
expect('a wrong password is refused', $status === 401, $status);
$status = status("$base/pair", [CURLOPT_USERPWD => "$login:$password"]);
expect('who sends the pair is known', $status === 200, $status);
$status = status("$base/asked", [CURLOPT_USERPWD => "$login:$password", CURLOPT_HTTPAUTH => CURLAUTH_ANY]);
expect('who is asked answers the challenge', $status === 200, $status);
